"""Finds what is wrong with a stage."""
