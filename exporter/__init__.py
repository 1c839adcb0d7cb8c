"""Third stage: waits until every load is complete in the ledger, then writes the reports."""
