"""What the pipeline costs, next to the least that PostgreSQL takes for the same rows and next to other tools."""
