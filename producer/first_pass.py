"""The first pass over every file: its fingerprint, and the plan of its chunks if its content is new."""

import logging
from collections.abc import Sequence

from pipeline.descriptions.descriptor import description_digest
from pipeline.errors import InputError
from pipeline.ledger.load import KnownSource
from pipeline.wording import first_files
from producer.files.content import LIKELY_ENCODINGS, OpenedFile, OpenedFiles, fingerprint
from producer.files.encodings import Encodings
from producer.header import log_ignored_columns
from producer.scan import scan
from producer.scanned import Scanned, stamp_of
from producer.sources import Source

logger = logging.getLogger(__name__)


def scan_all(
    sources: Sequence[Source],
    known: dict[str, KnownSource],
    contents: OpenedFiles,
    encodings: Encodings,
    chunk_rows: int | None,
) -> list[Scanned]:
    """The first pass over every file, one file open at a time; each source once, also if it is there compressed too.

    Raises InputError, naming all of them, if files are broken as a whole, or if two files of one name differ, since
    each would supersede the other.
    """
    by_name: dict[str, Scanned] = {}
    broken: list[str] = []
    for source in sources:
        try:
            version = first_pass(source, known.get(source.name), contents, encodings, chunk_rows)
        except InputError as error:
            broken.append(str(error))
            continue
        other = by_name.setdefault(source.name, version)
        if other.sha256 != version.sha256:
            broken.append(differ(other.source, source))
    if broken:
        *others, last = first_files(broken)
        raise InputError(*others, f"{last}; nothing was queued")
    return list(by_name.values())


def differ(one: Source, other: Source) -> str:
    """What is wrong with two files of one name that hold different bytes."""
    return f"{one.path} and {other.path} are both {one.name} but differ; rename or remove one of them"


def first_pass(
    source: Source, known: KnownSource | None, contents: OpenedFiles, encodings: Encodings, chunk_rows: int | None
) -> Scanned:
    """Scans the file, unless its version on a server or its fingerprint says that the ledger has its content."""
    recorded = known.given_encoding if known else None
    encoding = encodings.of(source.name, recorded or source.dataset.encoding)
    if (
        known
        and known.sha256
        and known.may_have(description_digest(source.dataset), encoding.name or "utf-8")
        and contents.has_version(source, known.remote_version)
    ):
        return Scanned(source, encoding, known.sha256, encoding.name or "utf-8", known.row_count, plan=None)
    with contents.opened(source, encoding) as content:
        stamp = stamp_of(content.file)
        may_be_known = known and known.may_have(description_digest(source.dataset), content.encoding)
        if known and may_be_known and (sha256 := fingerprint(content.file)) == known.sha256:
            return Scanned(source, encoding, sha256, content.encoding, known.row_count, plan=None, stamp=stamp)
        if content.control_rows:
            _warn_of_control_rows(source.name, content)
        plan = scan(source, content.file, chunk_rows)
        log_ignored_columns(source, plan.columns)
        return Scanned(source, encoding, plan.sha256, content.encoding, plan.row_count, plan, stamp)


def _warn_of_control_rows(source: str, content: OpenedFile) -> None:
    likely = LIKELY_ENCODINGS[content.encoding]
    logger.warning(
        "%s: %s control characters (U+0080 to U+009F) when read as %s; the file looks like %s: --encoding %s=%s",
        source,
        "1 row holds" if content.control_rows == 1 else f"{content.control_rows:,} rows hold",
        content.encoding,
        likely,
        source,
        likely,
    )
