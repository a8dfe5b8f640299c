"""What is HTTP: reading requests, showing jobs, and answering with problems. No AWS, no service."""
