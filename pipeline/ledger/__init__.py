"""The ledger: which rows of which version of a file are to be loaded, and which are."""
