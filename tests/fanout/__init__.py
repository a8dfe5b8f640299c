"""A job with thousands of children, whose workers are killed each second."""
