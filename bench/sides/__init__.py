"""What is compared: a process each, which answers the requests of bench/participant.py."""
