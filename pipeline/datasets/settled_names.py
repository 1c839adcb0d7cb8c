"""What replaces {name} in settled.sql: quoted names of a dataset's columns and keys, and conditions made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.datasets.layout import stored_columns
from pipeline.descriptions.description import Dataset, Reference
from pipeline.postgres.quoting import quote_identifier as quoted


@dataclass(frozen=True)
class Named:
    """Rows of another dataset, by which columns rows name them; table and columns are quoted."""

    reference: Reference
    columns: Sequence[str]
    table: str
    keys: Sequence[str]  # columns of it


def own_names(dataset: Dataset, digest: str, keys: Sequence[Sequence[str]]) -> dict[str, str]:
    """What replaces {name} in settled.sql, besides the names of `statement_names`; `keys` are the columns of each."""
    columns = [quoted(name) for name in stored_columns(dataset)]
    is_keyed = bool(dataset.primary_key)
    of_earlier_load = "held.load_id < pending.load_id OR " if is_keyed else ""
    is_replaceable = (
        "EXISTS (SELECT FROM pending WHERE pending.source_id = held.source_id"
        f" AND ({of_earlier_load}held.row_number >= pending.first_rows[1]))"
    )
    own = keys[0] if is_keyed else ["row_number"]
    distinct = dict.fromkeys(column for key in keys for column in key)
    same_keys = " AND ".join(f"held.{column} IS NOT DISTINCT FROM settled.{column}" for column in distinct)
    assigned = [f"{column} = settled.{column}" for column in columns if column not in own]
    if is_keyed:
        assigned += ["row_number = settled.row_number", "load_id = settled._load_id", "outcome = outcomes.outcome"]

    return {
        "settled": quoted(f"settled_{digest[:16]}"),
        "held_columns": ", ".join(f"held.{column}" for column in columns),
        "incoming_columns": ", ".join(f"incoming.{column}" for column in columns),
        "settled_columns": ", ".join(f"settled.{column}" for column in columns),
        "is_replaceable": is_replaceable,
        "held_is_same_row": f"settled.source_id = held.source_id AND {same('settled', 'held', own)}",
        "held_has_same_keys": same_keys,
        "held_load_id": "held.load_id" if is_keyed else "0",
        "kept_row_number": "held.row_number"
        if is_keyed
        else "pending.row_count + row_number() OVER (PARTITION BY source_id ORDER BY held.row_number)",
        "outcome_of_changed": "'u'",
        "outcome_of_same": "CASE WHEN held.load_id = settled._load_id THEN held.outcome ELSE '=' END"
        if is_keyed
        else "'='",
        "and_bookkeeping": ", load_id, outcome" if is_keyed else "",
        "and_settled_bookkeeping": ", settled._load_id, coalesce(outcomes.outcome, '=')" if is_keyed else "",
        "assignments": ", ".join(assigned),
        "is_to_update": "true" if is_keyed else "outcomes.outcome = 'u'",
        "is_not_of_load": "held.load_id < loads.id" if is_keyed else "held.row_number > loads.row_count",
    }


def names_of_key(names: Mapping[str, str], number: int, key: Sequence[str]) -> dict[str, str]:
    """What replaces {name} in statements about one of the keys."""
    index = names["settled"].strip('"')
    return {
        "key_number": str(number),
        "key_columns": ", ".join(key),
        "key_index": quoted(f"{index}_{number}"),
        "held_has_key": same("held", "incoming", key),
        "listed_has_key": same("listed", "held", key),
        "settled_has_key": same("settled", "incoming", key),
    }


def names_of_other(number: int, named: Named) -> dict[str, str]:
    """What replaces {name} in statements about a reference to rows of another dataset; `number` is less than 0."""
    known = " AND ".join(f"incoming.{column} IS NOT NULL" for column in named.columns)
    pairs = zip(named.columns, named.keys, strict=True)
    same = " AND ".join(f"named.{key} = incoming.{column}" for column, key in pairs)
    return {
        "key_number": str(number),
        "names_unknown": f"{known} AND NOT EXISTS (SELECT FROM {named.table} AS named WHERE {same})",
    }


def names_of_reference(
    names: Mapping[str, str], number: int, columns: Sequence[str], keys: Sequence[str]
) -> dict[str, str]:
    """What replaces {name} in statements about a reference to rows of the same dataset; `number` is less than 0."""
    index = names["settled"].strip('"')

    def named(table: str, row: str) -> str:
        pairs = " AND ".join(f"{row}.{key} = settled.{column}" for column, key in zip(columns, keys, strict=True))
        return f"EXISTS (SELECT FROM {table} AS {row} WHERE {pairs})"

    known = " AND ".join(f"settled.{column} IS NOT NULL" for column in columns)
    is_orphans = " AND ".join(f"orphans.{key} = settled.{column}" for column, key in zip(columns, keys, strict=True))
    is_in_table = named(names["table"], "held")
    return {
        "key_number": str(number),
        "reference_index": quoted(f"{index}_{number}"),
        "reference_columns": ", ".join(columns),
        "names_none": f"({known} AND NOT {named(names['settled'], 'parent')} AND NOT {is_in_table})",
        "names_orphan": f"({is_orphans} AND NOT {is_in_table})",
    }


def same(one: str, other: str, columns: Iterable[str]) -> str:
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in columns)
