-- name: prepare_positional
-- Makes place for the rows of a dataset that a preview would have loaded, or removed, for this transaction.
CREATE TEMPORARY TABLE {previewed} ON COMMIT DROP AS
    SELECT ''::text AS _source, {columns} FROM {rows} WITH NO DATA;
CREATE TEMPORARY TABLE {gone} ON COMMIT DROP AS
    SELECT {columns} FROM {rows} WITH NO DATA;

-- name: prepare_keyed
-- As `prepare_positional`, with one row for each key, and whether another row of the key makes it an update.
CREATE TEMPORARY TABLE {previewed} ON COMMIT DROP AS
    SELECT ''::text AS _source, true AS _is_updated, {columns} FROM {rows} WITH NO DATA;
ALTER TABLE {previewed} ADD UNIQUE ({key});
CREATE TEMPORARY TABLE {gone} ON COMMIT DROP AS
    SELECT {columns} FROM {rows} WITH NO DATA;
