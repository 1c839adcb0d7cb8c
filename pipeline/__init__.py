"""What producer, worker and exporter share, and the `pipeline` command."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent  # the checkout, a container's /app, or site-packages
