"""Builds what is deployed: the code with its requirements, and the template."""
