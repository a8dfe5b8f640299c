"""The command line: app is what is typed, screen what is seen."""
