"""Files of the data folder that no dataset names, and that are not reports either."""

import json
import logging
from contextlib import suppress
from pathlib import Path

from pipeline.descriptions.matching import expected_names
from pipeline.descriptions.package import OWN_PACKAGE, find_package, read_package
from pipeline.wording import listed
from producer.sources import left_over

REPORTS_STAMP = ".reports.json"  # in which the exporter lists what it wrote
LONGEST_MANIFEST = 1 << 20  # bytes

logger = logging.getLogger(__name__)


def warn_of_left_over(folder: Path) -> None:
    """Warns of files that look like CSV and are not loaded, with a name that would be."""
    if names := left_over(folder, report_names(folder)):
        package = find_package(folder)
        called = f"files that are loaded are called {expected_names(read_package(package))}"
        remedy = "" if package == OWN_PACKAGE else f"; to load another, describe it in {package.name}"
        logger.warning("not loaded, since no dataset has such a name: %s; %s%s", listed(names), called, remedy)


def report_names(folder: Path) -> list[str]:
    """Files in the folder or below it that the exporter wrote, as paths from the folder; also of reports now gone."""
    names: list[str] = []
    for stamp in folder.rglob(REPORTS_STAMP):
        output = stamp.parent.relative_to(folder)
        with suppress(OSError, ValueError, LookupError, TypeError), stamp.open("rb") as file:
            manifest = json.loads(file.read(LONGEST_MANIFEST))
            names += [(output / name).as_posix() for name in (*manifest["reports"], *manifest.get("earlier", ()))]
    return names
