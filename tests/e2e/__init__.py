"""The deployed artifact, end to end, on the local AWS with IAM enforced."""
