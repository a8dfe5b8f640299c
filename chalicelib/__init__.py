"""Overtime: slow work behind an API that answers at once."""

__version__ = "0.1.0"
