"""Calls to third parties: what may be called at all, and calling it."""
