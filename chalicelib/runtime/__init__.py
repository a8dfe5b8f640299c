"""What a process gives a running job."""
