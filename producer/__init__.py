"""First stage: scans CSV files, seals their loads in the ledger, and queues the chunks that are missing."""
