"""First stage: scans CSV files, seals their loads in the ledger, and queues the chunks that are missing."""

import pipeline  # noqa: F401 (first, since it answers Ctrl-C while other modules are read)
