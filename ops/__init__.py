"""What a person does with a stage: build it, deploy it, look after it, take it away."""
