"""Overtime on one machine: the local AWS, the API, the workers and the sweeper, by `make run`."""
