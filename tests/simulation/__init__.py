"""The real use cases, stepped one against the other by a seeded scheduler that breaks things."""
