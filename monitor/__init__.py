"""The monitor: a page that shows the pipeline at work, and the same figures for machines. It reads, and retries."""
