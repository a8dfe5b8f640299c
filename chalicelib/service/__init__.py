"""What the system does, one file a use case; everything outside is reached through ports.py."""
