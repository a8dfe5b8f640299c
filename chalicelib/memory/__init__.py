"""The ports in memory: for tests of tasks, and as the reference for the AWS adapters."""
