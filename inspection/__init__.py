"""Files without a database: `describe` says what they hold, `check` which of their rows a load would reject."""
