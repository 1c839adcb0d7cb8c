"""What people watch: loads, workers, the queue, failed chunks and rejected rows, read when asked."""
