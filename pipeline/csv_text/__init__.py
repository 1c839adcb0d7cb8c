"""CSV: how bytes fall into records, and records into rows."""
