"""The template of a stage: what the parts are, and how they become one."""
