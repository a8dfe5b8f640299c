"""The ports in memory: for tests of tasks, and the reference that the AWS adapters are held to."""
