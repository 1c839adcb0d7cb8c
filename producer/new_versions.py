"""New versions of loaded files: refused if they would replace loaded rows against the limits."""

import logging
import os
from collections.abc import Sequence

from pipeline.ledger.load import KnownSource
from pipeline.postgres.database import Database
from pipeline.waiting import retry_transient
from pipeline.wording import counted, listed
from producer.files.content import OpenedFiles
from producer.forecast import Forecast, Limits, RefusedVersionError
from producer.preview import Preview
from producer.scanned import Scanned

logger = logging.getLogger(__name__)


def check_new_versions(
    versions: Sequence[Scanned],
    known: dict[str, KnownSource],
    contents: OpenedFiles,
    database: Database,
    limits: Limits,
) -> None:
    """Raises RefusedVersionError if new versions of loaded sources break the limits.

    Warns of those that lose most of the loaded rows, if no limit is set on that; and of those that replace the rows of
    another file of the same name.
    """
    _warn_of_other_files(versions, known)
    if not any(version.plan and version.name in known for version in versions):
        return

    def attempt() -> list[tuple[Forecast, str | None]]:
        with database.transaction() as tx:
            return list(Preview(tx, contents, known, versions).judged(limits))

    judged = retry_transient(attempt)
    if refused := [(forecast, reason) for forecast, reason in judged if reason]:
        named = "; ".join(f"{forecast.source} is refused: {reason}" for forecast, reason in refused)
        raise RefusedVersionError(f"{named}; nothing was changed", [forecast for forecast, _ in refused])
    for forecast, _ in judged:
        if limits.max_shrink is None and forecast.good < forecast.loaded_rows / 2:
            logger.warning(
                "%s: the new version has %s where %s are loaded, %s fewer;"
                " --max-shrink N or N%% refuses such a version",
                forecast.source,
                counted(forecast.good, "good row"),
                *(f"{rows:,}" for rows in (forecast.loaded_rows, forecast.loaded_rows - forecast.good)),
            )


def _warn_of_other_files(versions: Sequence[Scanned], known: dict[str, KnownSource]) -> None:
    """Of versions whose source was loaded from another folder, in which its file still is."""
    others: dict[tuple[str, str], list[str]] = {}
    for version in versions:
        loaded = known[version.name].read_from if version.plan and version.name in known else None
        path = version.source.local_path
        if loaded and path and os.path.dirname(loaded) != os.path.dirname(path) and os.path.isfile(loaded):
            others.setdefault((os.path.dirname(loaded), os.path.dirname(path)), []).append(os.path.basename(path))
    for (loaded_from, folder), names in others.items():
        logger.warning(
            "%s in %s: the rows that were loaded from %s are replaced, where files of the same name still are; to keep"
            " both, rename a file, or use another database (--state DIR or --database-url URL)",
            listed(names),
            folder,
            loaded_from,
        )
