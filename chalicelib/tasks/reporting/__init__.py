"""Parts of the `report` task: its params, reading, adding up, writing, a chart."""
