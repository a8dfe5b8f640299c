"""Benchmarks: what a submit, a read and a run cost beside raw calls, a naive handler and Celery."""
