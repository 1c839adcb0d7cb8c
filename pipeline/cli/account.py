"""The counts of all rows as lines to read: one for each load, or, of many loads, the notable ones and the sum."""

import logging
from collections.abc import Iterable, Mapping, Sequence

from pipeline.cli.logs import RESULTS
from pipeline.descriptions.description import Package, others_referred_to
from pipeline.ledger.load import LoadProgress
from pipeline.wording import NAMED_AT_MOST, counted

results = logging.getLogger(RESULTS)


def account(loads: Sequence[LoadProgress]) -> list[str]:
    """A line for each load. Of many loads: a line for each of the first notable ones, and one for the sum."""
    lines = list(map(str, accounted(loads)))
    if len(loads) > NAMED_AT_MOST and (more := len(_notable(loads)) - NAMED_AT_MOST) > 0:
        lines.insert(-1, f"and {counted(more, 'more file')} with rejected or deleted rows")
    return lines


def accounted(loads: Sequence[LoadProgress]) -> list[LoadProgress]:
    """The loads. Of many loads: the first notable ones, and the sum of all as load 0."""
    if len(loads) <= NAMED_AT_MOST:
        return list(loads)
    return [*_notable(loads)[:NAMED_AT_MOST], _sum(loads)]


def log_account(loads: Sequence[LoadProgress]) -> None:
    """Logs the same for machines: one record for each load, with the counts as fields."""
    for load in accounted(loads):
        results.info(
            "%s",
            load,
            extra={
                "source": load.source,
                "load": load.load or None,
                "rows": load.row_count,
                "inserted": load.inserted,
                "updated": load.updated,
                "unchanged": load.unchanged,
                "rejected": load.rejected,
                "deleted": load.deleted,
                "seconds": load.seconds,
            },
        )


def _notable(loads: Sequence[LoadProgress]) -> list[LoadProgress]:
    """The loads sealed last, if they are few, and the others with rejected or deleted rows."""
    last = max((load.sealed_at for load in loads if load.sealed_at), default=None)
    newest = [load for load in loads if last and load.sealed_at == last]
    newest = newest if len(newest) <= NAMED_AT_MOST else []
    return [*newest, *(load for load in loads if (load.rejected or load.deleted) and load not in newest)]


def ranked(reasons: Iterable[str]) -> list[str]:
    """Reasons for rejected rows, the commonest first, as lines."""
    return [f"{'then' if position else 'most often'}: {reason}" for position, reason in enumerate(reasons)]


def kept_rows(loads: Iterable[LoadProgress], package: Package) -> list[str]:
    """A line for each load whose removed rows stay because rows of other files refer to them."""
    naming = {
        load.dataset: [
            each.name for each in package.datasets if load.dataset in (named.dataset for named in each.references)
        ]
        for load in loads
        if load.keeps_rows
    }
    return [
        f"{load.source}: rows that it no longer lists are still there, since rows of"
        f" {' and '.join(naming[load.dataset]) or 'others'} named them; once none does, the next run removes them"
        for load in loads
        if load.keeps_rows
    ]


def unloaded_references(good_rows: Mapping[str, int], package: Package) -> list[str]:
    """A line for each dataset without a row that other datasets refer to: none of their rows can be good.

    `good_rows` holds the number of good rows of each dataset that has a source.
    """
    loaded = {name for name, rows in good_rows.items() if rows}
    return [
        f"no row of {name} is loaded, and rows of {dataset.name} name them"
        for dataset in package.datasets
        if dataset.name in good_rows
        for name in sorted(others_referred_to(dataset) - loaded)
    ]


def _sum(loads: Sequence[LoadProgress]) -> LoadProgress:
    return LoadProgress(
        load=0,
        source=counted(len(loads), "file"),
        dataset="",
        row_count=sum(load.row_count for load in loads),
        committed_rows=sum(load.committed_rows for load in loads),
        inserted=sum(load.inserted for load in loads),
        updated=sum(load.updated for load in loads),
        unchanged=sum(load.unchanged for load in loads),
        rejected=sum(load.rejected for load in loads),
        deleted=sum(load.deleted for load in loads),
        complete=all(load.complete for load in loads),
    )
