"""Datasets: what their files are described to hold, how rows are checked, and how they get into tables."""
