"""Calls to third parties: which URLs are allowed, and the HTTP client."""
