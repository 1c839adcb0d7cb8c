"""The tables of datasets: made from their descriptions, and kept to them."""
