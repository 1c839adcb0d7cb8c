"""What producer, worker and exporter share, and the `pipeline` command."""

from pathlib import Path

from pipeline import interrupted

__version__ = "1.0.0"
PROJECT = Path(__file__).resolve().parent.parent  # the checkout or site-packages

interrupted.install()
