"""From the texts of a column to values of PostgreSQL, by the types and constraints of the standard."""
