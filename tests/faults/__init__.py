"""Faults for real: processes killed and frozen while clients submit."""
