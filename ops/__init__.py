"""Commands for operators: build, deploy, operate and remove a stage."""
