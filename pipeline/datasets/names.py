"""The quoted names of tables and columns that the statements of a dataset need."""

from pipeline.datasets.layout import stored_columns
from pipeline.descriptions.description import Dataset
from pipeline.postgres.quoting import quote_identifier as quoted

# Types of which PostgreSQL takes different values for equal; compared as text instead: 1 month = 30 days.
EQUAL_BUT_DIFFERENT = ("duration",)


def statement_names(dataset: Dataset, digest: str, table: str, listings: str) -> dict[str, str]:
    """What replaces {name} in positional.sql, keyed.sql, settled.sql and shared.sql.

    `digest` is that of the description, so that each version of it has temporary tables of its own in a session;
    `table` and `listings` are quoted.
    """
    columns = [quoted(name) for name in stored_columns(dataset)]
    key = [quoted(field.column) for field in dataset.fields if field.name in dataset.primary_key]
    others = [name for name in columns if name not in key]
    as_text = {quoted(field.column) for field in dataset.fields if field.type in EQUAL_BUT_DIFFERENT}

    def values(of: str) -> str:
        return ", ".join(f"{of}.{name}::text" if name in as_text else f"{of}.{name}" for name in columns)

    def same_key(one: str, other: str) -> str:
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in key)

    rows = ("existing", "incoming", "held", "first", "listed", "previewed", "before", "deciding", "excluded", "settled")
    names = {f"{row}_values": values(row) for row in rows}
    return (
        names
        | {
            "table": table,
            "listings": listings,
            "rows": listings if dataset.shared_keys else table,  # a table that has all the columns
            "incoming": quoted(f"incoming_{digest[:16]}"),
            "deciding": quoted(f"deciding_{digest[:16]}"),
            "unlisted": quoted(f"unlisted_{digest[:16]}"),
            "previewed": quoted(previewed_name(dataset.table)),
            "gone": quoted(gone_name(dataset.table)),
            "columns": ", ".join(columns),
            "assignments": ", ".join(f"{name} = excluded.{name}" for name in others),
            "and_excluded_values": "".join(f", {name} = excluded.{name}" for name in others),
            "and_incoming_values": "".join(f", {name} = incoming.{name}" for name in others),
            "listing_columns": ", ".join(f"listing.{name}" for name in columns),
            "key": ", ".join(key),
            "held_key": ", ".join(f"held.{name}" for name in key),
            "listing_key": ", ".join(f"listing.{name}" for name in key),
            "held_has_key": same_key("held", "incoming"),
            "listed_has_key": same_key("listed", "incoming"),
            "previewed_has_key": same_key("previewed", "incoming"),
            "previewed_has_deciding_key": same_key("previewed", "deciding"),
            "held_is_previewed": same_key("previewed", "held"),
            "listed_has_referred_key": same_key("listed", "referred"),
            "before_is_missing": f"before.{key[0]} IS NULL" if key else "true",
        }
    )


def previewed_name(table: str) -> str:
    """The temporary table of the rows that a run would have loaded by now; at most 63 bytes, as names are."""
    return f"previewed_{table}".encode()[:63].decode(errors="ignore")


def gone_name(table: str) -> str:
    """The temporary table of the rows that a run would have removed by now."""
    return f"gone_{table}".encode()[:63].decode(errors="ignore")
