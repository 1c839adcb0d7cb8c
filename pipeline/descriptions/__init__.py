"""What datasets are: descriptions, read from datapackage.json and kept by the ledger with each load."""
