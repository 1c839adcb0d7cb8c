"""What the pipeline costs, beside the least that PostgreSQL takes for the same rows and beside other tools."""
