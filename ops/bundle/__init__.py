"""What is deployed: the code with all that it imports, and the template."""
