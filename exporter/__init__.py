"""Third stage: waits until every load is complete in the ledger, then writes the reports."""

import pipeline  # noqa: F401 (first, since it answers Ctrl-C while other modules are read)
