"""Converts texts of a column to PostgreSQL's values, by the types and constraints of the standard."""
