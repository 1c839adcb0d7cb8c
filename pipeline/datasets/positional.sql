-- name: rows_exist
-- Returns whether the table holds rows of this source in the range of a chunk (last_row NULL: without end).
SELECT EXISTS (
    SELECT
    FROM {table}
    WHERE source_id = %(source_id)s
      AND row_number >= %(first_row)s
      AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s)
);

-- name: switch_triggers_off
-- Switches the triggers of rows off, if the worker has been granted that and these foreign keys have the only ones that
-- an insert would fire.
DO $$
BEGIN
    -- Locks the table, and the partition of the source, as COPY would: so no session adds a trigger or a key from here on.
    DELETE FROM {table} WHERE source_id = %(source_id)s AND row_number = 0;   -- no row has that number
    IF NOT EXISTS (
        WITH parts AS (
            SELECT '{table}'::regclass AS part
            UNION ALL
            SELECT inhrelid FROM pg_inherits WHERE inhparent = '{table}'::regclass
        )
        SELECT
        FROM parts
        JOIN pg_class ON pg_class.oid = part
        LEFT JOIN pg_trigger ON tgrelid = part AND tgtype & 4 <> 0   -- fires on INSERT
        LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint
        WHERE pg_trigger.oid IS NOT NULL AND (conname = ANY (%(keys)s)) IS NOT TRUE
           OR part <> '{table}'::regclass AND relkind <> 'r'   -- a partition that has partitions, or is on another server
    ) THEN
        SET LOCAL session_replication_role = replica;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;

-- name: switch_triggers_on
-- Switches the triggers of rows on again, where they are off.
SELECT set_config('session_replication_role', 'origin', true)
WHERE current_setting('session_replication_role') <> 'origin';

-- name: empty_incoming
-- Makes place for the rows of one chunk on their way into the table.
CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS AS
    SELECT source_id, row_number, {columns} FROM {table} WITH NO DATA;
DELETE FROM {incoming};   -- a preview compares many chunks in one transaction

-- name: retired_columns
-- Returns the columns of fields that the description no longer has.
SELECT retired ->> 'name'
FROM datasets
CROSS JOIN jsonb_array_elements(structure -> -1 -> 'retired') AS retired
WHERE datasets.name = %(dataset)s;

-- name: merge
-- Returns how many rows were inserted, updated and deleted, so that the range of the chunk (last_row NULL: without end)
-- holds exactly the rows of the table of incoming ones.
WITH existing AS (
    SELECT *
    FROM {table}
    WHERE source_id = %(source_id)s
      AND row_number >= %(first_row)s
      AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s)
), changed AS (
    SELECT incoming.*, existing.row_number IS NULL AS _is_new
    FROM {incoming} AS incoming
    LEFT JOIN existing USING (source_id, row_number)
    WHERE existing.row_number IS NULL
       OR ROW({existing_values}) IS DISTINCT FROM ROW({incoming_values})
), written AS (
    INSERT INTO {table} (source_id, row_number, {columns})
    SELECT source_id, row_number, {columns} FROM changed
    ON CONFLICT (source_id, row_number) DO UPDATE SET {assignments}{and_retired}
), gone AS (
    DELETE FROM {table} AS rows
    USING existing
    WHERE rows.source_id = %(source_id)s   -- a value, so that one partition alone is planned
      AND rows.row_number = existing.row_number
      AND NOT EXISTS (SELECT FROM {incoming} AS incoming WHERE incoming.row_number = rows.row_number)
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM changed WHERE _is_new),   -- no other transaction writes rows of the chunk meanwhile
    (SELECT count(*) FROM changed WHERE NOT _is_new),
    (SELECT count(*) FROM gone);

-- name: compare
-- Returns how many rows `merge` would insert, update and delete.
SELECT
    count(*) FILTER (WHERE existing.row_number IS NULL),
    count(*) FILTER (
        WHERE existing.row_number IS NOT NULL
          AND incoming.row_number IS NOT NULL
          AND ROW({existing_values}) IS DISTINCT FROM ROW({incoming_values})
    ),
    count(*) FILTER (WHERE incoming.row_number IS NULL)
FROM {incoming} AS incoming
FULL JOIN (
    SELECT *
    FROM {table}
    WHERE source_id = %(source_id)s
      AND row_number >= %(first_row)s
      AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s)
) AS existing USING (source_id, row_number);

-- name: enter_previewed
-- Enters the rows of the chunk into those that the run would have loaded.
INSERT INTO {previewed} (_source, {columns}) SELECT %(source)s, {columns} FROM {incoming};

-- name: loaded_rows
-- Returns how many rows of a source the table holds.
SELECT count(*) FROM {table} WHERE source_id = %(source_id)s;

-- name: forget
-- Removes the rows of a source; returns how many.
WITH removed AS (
    DELETE FROM {table} WHERE source_id = %(source_id)s RETURNING 1
)
SELECT count(*) FROM removed;
