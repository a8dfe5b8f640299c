"""The CloudFormation stack of a stage, and what belongs to it outside the template."""
