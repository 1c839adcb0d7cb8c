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
    """The files that the exporter wrote into the folder, if it writes its reports there; also of reports now gone."""
    with suppress(OSError, ValueError, LookupError, TypeError), (folder / REPORTS_STAMP).open("rb") as file:
        manifest = json.loads(file.read(LONGEST_MANIFEST))
        return [*manifest["reports"], *manifest.get("earlier", ())]
    return []
