"""What CloudFormation makes of a template, and what surrounds it on AWS."""
