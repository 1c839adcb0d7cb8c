"""The summary of people per country, as a table on the terminal."""

import io
import json
from itertools import islice
from pathlib import Path

from pipeline.cli.terminal import printable
from pipeline.wording import NAMED_AT_MOST


def summary_table(summary: Path) -> str:
    """The counts of a summary file as lines to read; of many, the first."""
    counts = json.loads(summary.read_text(encoding="utf-8"))
    rows = [(printable(name), count) for name, count in islice(counts.items(), NAMED_AT_MOST)]
    out = io.StringIO()
    width = max((len(name) for name, _ in rows), default=0)
    for name, count in rows:
        out.write(f"{name:<{width}}  {count:>12,}\n")
    if (more := len(counts) - len(rows)) > 0:
        out.write(f"and {more:,} more\n")
    return out.getvalue()
