"""Pages that people look at in a browser: the live page of the monitor, and the report page of the exporter."""
