"""The monitor: a page that shows the pipeline at work, and the same figures for machines. It reads, and retries."""

import pipeline  # noqa: F401 (first, since it answers Ctrl-C while other modules are read)
