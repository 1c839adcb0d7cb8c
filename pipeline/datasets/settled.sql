-- Rows of a dataset whose keys are settled together, once all of its chunks are there. A `pending` source is one that has
-- such chunks; its rows in the table are replaceable from a row number on. Names that begin with _ cannot be columns of a
-- dataset, which are in snake_case.

-- name: prepare
-- Makes place for the rows that are to be settled. A preview settles several datasets in one transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS pending (
    source_id  integer PRIMARY KEY,
    load_id    bigint NOT NULL,
    row_count  bigint NOT NULL,   -- of the file
    first_rows bigint[] NOT NULL  -- of its chunks, in order
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS refused (
    source_id     integer NOT NULL,
    row_number    bigint NOT NULL,
    key           integer NOT NULL,   -- which of the dataset's another row has, or which one of no row it names
    by_source_id  integer,
    by_row_number bigint,
    by_kept_row   boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS clashes (LIKE refused) ON COMMIT DELETE ROWS;   -- with rows that are settled first
CREATE TEMPORARY TABLE IF NOT EXISTS unsettled (LIKE refused) ON COMMIT DELETE ROWS;
CREATE INDEX IF NOT EXISTS unsettled_idx ON unsettled (source_id, row_number);
CREATE TEMPORARY TABLE IF NOT EXISTS yielding (
    source_id  integer NOT NULL,
    row_number bigint NOT NULL,
    PRIMARY KEY (source_id, row_number)
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS kept (LIKE yielding INCLUDING INDEXES) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS outcomes (
    source_id  integer NOT NULL,
    row_number bigint NOT NULL,
    outcome    "char" NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS AS SELECT * FROM {table} WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS {settled} ON COMMIT DELETE ROWS AS
    SELECT false AS _is_kept, false AS _comes_last, 0::bigint AS _load_id, source_id, row_number, {columns} FROM {table} WITH NO DATA;
DELETE FROM pending;
DELETE FROM refused;
DELETE FROM unsettled;
DELETE FROM yielding;
DELETE FROM kept;
DELETE FROM outcomes;
DELETE FROM {incoming};

-- name: prepare_key
CREATE UNIQUE INDEX IF NOT EXISTS {key_index} ON {settled} ({key_columns});

-- name: prepare_own_reference
CREATE INDEX IF NOT EXISTS {reference_index} ON {settled} ({reference_columns});

-- name: enter_pending
INSERT INTO pending (source_id, load_id, row_count, first_rows)
VALUES (%(source_id)s, %(load)s, %(row_count)s, %(first_rows)s);

-- name: analyze
ANALYZE {incoming};

-- name: refuse_unknown
-- Refuses rows that name a row of another dataset which went after their chunk was loaded.
INSERT INTO refused (source_id, row_number, key)
SELECT incoming.source_id, incoming.row_number, {key_number}
FROM {incoming} AS incoming
WHERE {names_unknown};

-- name: refuse
-- Refuses rows whose key a row has that stays in any case: one of a source or a chunk that is not pending.
INSERT INTO refused (source_id, row_number, key, by_source_id, by_row_number, by_kept_row)
SELECT incoming.source_id, incoming.row_number, {key_number}, held.source_id, held.row_number, false
FROM {incoming} AS incoming
JOIN {table} AS held ON {held_has_key}
WHERE NOT {is_replaceable};

-- name: yield
-- Finds the rows whose key another pending source has, and still lists: they come last.
INSERT INTO yielding (source_id, row_number)
SELECT incoming.source_id, incoming.row_number
FROM {incoming} AS incoming
JOIN {table} AS held ON {held_has_key} AND held.source_id <> incoming.source_id
JOIN {incoming} AS listed ON {listed_has_key} AND listed.source_id = held.source_id
WHERE {is_replaceable}
ON CONFLICT DO NOTHING;

-- name: settle
-- Fills the table of settled rows: those that are kept, then each row of the files none of whose keys a row before it has.
-- A load that was sealed earlier comes first.
DELETE FROM {settled};
DELETE FROM clashes;
INSERT INTO {settled} (_is_kept, _comes_last, _load_id, source_id, row_number, {columns})
SELECT true, false, {held_load_id}, held.source_id, {kept_row_number}, {held_columns}
FROM {table} AS held
JOIN kept USING (source_id, row_number)
JOIN pending USING (source_id);
INSERT INTO {settled} (_is_kept, _comes_last, _load_id, source_id, row_number, {columns})
SELECT false, yielding.row_number IS NOT NULL, pending.load_id, source_id, row_number, {incoming_columns}
FROM {incoming} AS incoming
JOIN pending USING (source_id)
LEFT JOIN yielding USING (source_id, row_number)
WHERE NOT EXISTS (
    SELECT FROM refused WHERE (refused.source_id, refused.row_number) = (incoming.source_id, incoming.row_number)
)
ORDER BY yielding.row_number IS NOT NULL, pending.load_id, row_number
ON CONFLICT DO NOTHING;
ANALYZE {settled};

-- name: drop_orphans
-- Removes settled rows that name a row of the dataset which there is not, and the rows that name those. Their keys stay
-- taken: a later row that had one could make the first one good, and so bad itself.
WITH RECURSIVE orphans AS (
    SELECT settled.* FROM {settled} AS settled WHERE NOT _is_kept AND ({names_none})
    UNION
    SELECT settled.* FROM orphans JOIN {settled} AS settled ON NOT settled._is_kept AND ({names_orphan})
)
DELETE FROM {settled} AS settled
USING orphans
WHERE (settled.source_id, settled.row_number) = (orphans.source_id, orphans.row_number)
  AND NOT settled._is_kept;

-- name: is_named_by_other_table
(EXISTS (SELECT FROM {referring} AS referring WHERE {refers})
AND NOT EXISTS (SELECT FROM {settled} AS settled WHERE {settled_has_named_key}))

-- name: is_named_by_own_row
((EXISTS (SELECT FROM {settled} AS referring WHERE {refers})
    OR EXISTS (SELECT FROM {table} AS referring WHERE {refers} AND {is_staying}))
AND NOT EXISTS (SELECT FROM {settled} AS settled WHERE {settled_has_named_key}))

-- name: is_named_by_kept_row
({refers} AND NOT EXISTS (SELECT FROM {settled} AS settled WHERE {settled_has_named_key}))

-- name: keep
-- Keeps rows that other rows name by a key which no settled row has, and those that they name themselves; returns how many.
WITH RECURSIVE named AS (
    SELECT held.* FROM {table} AS held WHERE {is_replaceable} AND ({is_named})
    UNION
    SELECT held.* FROM named AS referring JOIN {table} AS held ON {is_replaceable} AND ({is_named_by_kept})
), added AS (
    INSERT INTO kept (source_id, row_number)
    SELECT source_id, row_number FROM named
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added;

-- name: find_outcomes
-- Finds out what becomes of each settled row of the files.
INSERT INTO outcomes (source_id, row_number, outcome)
SELECT
    settled.source_id,
    settled.row_number,
    CASE
        WHEN held.source_id IS NULL THEN 'i'
        WHEN ROW({held_values}) IS DISTINCT FROM ROW({settled_values}) THEN {outcome_of_changed}
        ELSE {outcome_of_same}
    END::"char"
FROM {settled} AS settled
LEFT JOIN {table} AS held ON {held_is_same_row} AND {is_replaceable}
WHERE NOT _is_kept;

-- name: counts
-- Returns how many rows of the pending chunks are inserted, updated and unchanged: source, position of the chunk among
-- those of the source, from 1, and the three counts.
SELECT
    source_id,
    width_bucket(row_number, first_rows) AS position,
    count(*) FILTER (WHERE outcome = 'i'),
    count(*) FILTER (WHERE outcome = 'u'),
    count(*) FILTER (WHERE outcome = '=')
FROM outcomes
JOIN pending USING (source_id)
GROUP BY source_id, position;

-- name: changes
-- Returns how many rows of each pending source would be inserted, updated and left unchanged, as the table is now. (The
-- outcomes of a load that is loaded again count from its beginning.)
SELECT
    settled.source_id,
    count(*) FILTER (WHERE held.source_id IS NULL),
    count(*) FILTER (WHERE held.source_id IS NOT NULL AND ROW({held_values}) IS DISTINCT FROM ROW({settled_values})),
    count(*) FILTER (WHERE held.source_id IS NOT NULL AND ROW({held_values}) IS NOT DISTINCT FROM ROW({settled_values}))
FROM {settled} AS settled
LEFT JOIN {table} AS held ON {held_is_same_row} AND {is_replaceable}
WHERE NOT _is_kept
GROUP BY settled.source_id;

-- name: gone
-- Returns how many rows of each pending source go, and how many are kept for others.
SELECT
    held.source_id,
    count(*) FILTER (WHERE NOT is_kept),
    count(*) FILTER (WHERE is_kept)
FROM (
    SELECT
        held.source_id,
        EXISTS (SELECT FROM kept WHERE (kept.source_id, kept.row_number) = (held.source_id, held.row_number)) AS is_kept,
        EXISTS (SELECT FROM {settled} AS settled WHERE {held_is_same_row} AND NOT settled._is_kept) AS is_listed
    FROM {table} AS held
    WHERE {is_replaceable}
) AS held
WHERE is_kept OR NOT is_listed
GROUP BY held.source_id;

-- name: find_clashes
-- Finds rows whose key a settled row has that came before them.
INSERT INTO clashes (source_id, row_number, key, by_source_id, by_row_number, by_kept_row)
SELECT incoming.source_id, incoming.row_number, {key_number}, settled.source_id, settled.row_number, settled._is_kept
FROM {incoming} AS incoming
JOIN {settled} AS settled ON {settled_has_key}
JOIN pending ON pending.source_id = incoming.source_id
LEFT JOIN yielding
    ON yielding.source_id = incoming.source_id
    AND yielding.row_number = incoming.row_number
WHERE settled._is_kept
   OR (_comes_last, settled._load_id, settled.row_number)
      < (yielding.row_number IS NOT NULL, pending.load_id, incoming.row_number);

-- name: find_orphans
-- Finds rows that name a row of the dataset which there is not.
INSERT INTO refused (source_id, row_number, key)
SELECT settled.source_id, settled.row_number, {key_number}
FROM {incoming} AS settled
WHERE {names_none};

-- name: find_unsettled
-- Finds the rows of the files that are not settled, each with the first rule that it breaks.
INSERT INTO unsettled (source_id, row_number, key, by_source_id, by_row_number, by_kept_row)
SELECT DISTINCT ON (source_id, row_number)
    source_id, row_number, broken.key, broken.by_source_id, broken.by_row_number, broken.by_kept_row
FROM {incoming} AS incoming
LEFT JOIN (SELECT * FROM refused UNION ALL SELECT * FROM clashes) AS broken USING (source_id, row_number)
WHERE NOT EXISTS (
    SELECT
    FROM {settled} AS settled
    WHERE (settled.source_id, settled.row_number) = (incoming.source_id, incoming.row_number)
      AND NOT _is_kept
)
ORDER BY source_id, row_number, broken.key, broken.by_source_id, broken.by_row_number;

-- name: unsettled
-- Returns the rows of a chunk that are not settled, in order: row number and key, and of the row that has the key, if any,
-- source, its name, row number, and whether it is kept for others.
SELECT row_number, key, by_source_id, sources.name, by_row_number, by_kept_row
FROM unsettled
LEFT JOIN sources ON sources.id = by_source_id
WHERE source_id = %(source_id)s
  AND row_number >= %(first_row)s
  AND (%(end)s::bigint IS NULL OR row_number < %(end)s)
ORDER BY row_number;

-- name: apply
-- Makes the table hold the settled rows. A row whose key changes goes and comes again in one statement: two rows may
-- swap their keys, and others may name those.
WITH gone AS (
    DELETE FROM {table} AS held
    WHERE {is_replaceable}
      AND NOT EXISTS (SELECT FROM {settled} AS settled WHERE {held_is_same_row} AND {held_has_same_keys})
    RETURNING 1
)
INSERT INTO {table} (source_id, row_number, {columns}{and_bookkeeping})
SELECT settled.source_id, settled.row_number, {settled_columns}{and_settled_bookkeeping}
FROM (SELECT count(*) FROM gone) AS first   -- all are deleted before a row is inserted
CROSS JOIN {settled} AS settled
LEFT JOIN outcomes USING (source_id, row_number)
WHERE NOT EXISTS (SELECT FROM {table} AS held WHERE {held_is_same_row} AND {held_has_same_keys} AND {is_replaceable});

UPDATE {table} AS held
SET {assignments}
FROM {settled} AS settled
JOIN outcomes USING (source_id, row_number)
WHERE {held_is_same_row}
  AND NOT settled._is_kept
  AND {is_to_update};

-- name: enter_previewed
-- Enters the rows that the run would have loaded, and those that it would have removed.
INSERT INTO {previewed} (_source, {columns}) SELECT '', {columns} FROM {settled};

INSERT INTO {gone} ({columns})
SELECT {columns}
FROM {table} AS held
WHERE {is_replaceable}
  AND NOT EXISTS (SELECT FROM {settled} AS settled WHERE {held_has_same_keys});

-- name: has_removable_rows
-- Returns whether a row of the source that its file does not list could go, because nothing names it any more.
SELECT EXISTS (
    SELECT
    FROM {table} AS held
    JOIN loads ON loads.id = %(load)s
    WHERE held.source_id = %(source_id)s
      AND {is_not_of_load}
      AND NOT ({is_named_by_any})
);

-- name: loaded_rows
-- Returns how many rows of a source the table holds.
SELECT count(*) FROM {table} WHERE source_id = %(source_id)s;

-- name: forget
-- Removes the rows of a source; returns how many.
WITH removed AS (
    DELETE FROM {table} WHERE source_id = %(source_id)s RETURNING 1
)
SELECT count(*) FROM removed;
