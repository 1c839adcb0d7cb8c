-- Names that begin with _ cannot be columns of a dataset, which are in snake_case.

-- name: empty_incoming
-- Makes place for the rows of one chunk on their way into the table, and for those that meet a row of their key there.
CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS AS
    SELECT source_id, row_number, {columns} FROM {table} WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS met (
    row_number      bigint NOT NULL,
    verdict         text NOT NULL,
    differs         boolean NOT NULL,   -- in any column
    held_source_id  integer NOT NULL,
    held_load_id    bigint NOT NULL,
    held_row_number bigint NOT NULL,
    held_outcome    "char" NOT NULL
) ON COMMIT DELETE ROWS;
DELETE FROM {incoming};   -- a preview compares many chunks in one transaction

-- name: insert
-- Returns how many rows were inserted: those whose key was not in the table, of rows of one key the first.
-- Waits for other transactions that insert the same keys.
WITH inserted AS (
    INSERT INTO {table} (source_id, row_number, load_id, outcome, {columns})
    SELECT source_id, row_number, %(load)s, 'i', {columns}
    FROM {incoming}
    ORDER BY row_number
    ON CONFLICT ({key}) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM inserted;

-- name: meet
-- Returns how many rows have a row of their key in the table, themselves included, and locks those rows in order.
-- A row of an earlier load of the same source is replaced. Of the rows of one load the earliest has the key, also if a
-- later one came first. So it is for sources that are new at the same time: the one that was sealed first has the key.
-- What another source has loaded before belongs to that source.
INSERT INTO met
SELECT
    incoming.row_number,
    CASE
        WHEN held.source_id = incoming.source_id AND held.load_id < %(load)s THEN 'replaces'
        WHEN held.source_id = incoming.source_id AND held.row_number = incoming.row_number THEN 'is there'
        WHEN held.source_id = incoming.source_id AND held.row_number < incoming.row_number THEN 'repeats'
        WHEN held.source_id = incoming.source_id THEN 'displaces'
        WHEN held.load_id > %(load)s
            AND held.outcome = 'i'
            AND EXISTS (
                SELECT
                FROM chunk_texts
                JOIN load_chunks USING (load_id, number)
                WHERE chunk_texts.load_id = held.load_id
                  AND held.row_number BETWEEN first_row AND first_row + row_count - 1
            )
            THEN 'displaces'
        ELSE 'belongs to another'
    END,
    ROW({held_values}) IS DISTINCT FROM ROW({incoming_values}),
    held.source_id,
    held.load_id,
    held.row_number,
    held.outcome
FROM {incoming} AS incoming
JOIN {table} AS held ON {held_has_key}
ORDER BY {held_key}, incoming.row_number
FOR NO KEY UPDATE OF held;

-- Of rows of this chunk that meet the same row, the first takes its place; it counts as updated if one of them differs.
-- The row that is there may be one of them: it was loaded while an earlier row of its key named something unknown.
UPDATE met
SET verdict = CASE WHEN met.row_number > first_row_number THEN 'repeats' ELSE verdict END,
    differs = one_differs
FROM (
    SELECT
        held_source_id,
        held_load_id,
        held_row_number,
        min(row_number) AS first_row_number,
        bool_or(differs) AS one_differs
    FROM met
    WHERE verdict IN ('replaces', 'displaces', 'is there')
    GROUP BY held_source_id, held_load_id, held_row_number
    HAVING count(*) > 1
) AS same
WHERE met.held_source_id = same.held_source_id
  AND met.held_load_id = same.held_load_id
  AND met.held_row_number = same.held_row_number
  AND met.verdict IN ('replaces', 'displaces', 'is there');

SELECT count(*) FROM met;

-- name: undecided
-- Returns the last chunk of an earlier load of the source whose rows this chunk would replace and an earlier chunk may still
-- displace: load and number. The displacing row must come first, or it would find a row that is there for good.
SELECT load_id, number
FROM chunk_texts
JOIN load_chunks USING (load_id, number)
WHERE EXISTS (
    SELECT
    FROM met
    WHERE verdict = 'replaces'
      AND held_outcome = 'i'
      AND held_load_id = load_id
      AND held_row_number BETWEEN first_row AND first_row + row_count - 1
)
ORDER BY load_id DESC, number DESC
LIMIT 1;

-- name: update_repeated
-- Returns how many rows of this load in the table count as updated from now on, by the numbers of their chunks: those that
-- are as they were before the load, and that a row of this chunk repeats with other values. So a row that has its key
-- counts as updated if a row of the key differs from what was there, in any order of chunks.
WITH repeated AS (
    UPDATE {table} AS held
    SET outcome = 'u'
    FROM {incoming} AS incoming
    JOIN met USING (row_number)
    WHERE {held_has_key}
      AND met.verdict = 'repeats'
      AND met.differs
      AND held.source_id = incoming.source_id
      AND held.load_id = %(load)s
      AND held.outcome = '='
    RETURNING held.row_number
)
SELECT load_chunks.number, count(*)
FROM repeated
JOIN load_chunks ON repeated.row_number BETWEEN first_row AND first_row + row_count - 1
WHERE load_chunks.load_id = %(load)s
GROUP BY load_chunks.number
ORDER BY load_chunks.number;

-- name: replace
-- Puts rows in place of those that they replace or displace, and returns how many rows of the chunk are inserted, updated
-- and unchanged by their load.
WITH taken AS (
    UPDATE {table} AS held
    SET source_id = incoming.source_id,
        row_number = incoming.row_number,
        load_id = %(load)s,
        outcome = CASE
            WHEN met.verdict = 'displaces' AND met.held_outcome = 'i' THEN 'i'
            WHEN met.differs OR met.verdict = 'displaces' AND met.held_outcome = 'u' THEN 'u'
            ELSE '='
        END::"char"
        {and_incoming_values}
    FROM {incoming} AS incoming
    JOIN met USING (row_number)
    WHERE {held_has_key}
      AND met.verdict IN ('replaces', 'displaces')
    RETURNING held.outcome
), outcomes AS (
    SELECT outcome FROM taken
    UNION ALL
    SELECT held_outcome FROM met WHERE verdict = 'is there'
)
SELECT
    count(*) FILTER (WHERE outcome = 'i'),
    count(*) FILTER (WHERE outcome = 'u'),
    count(*) FILTER (WHERE outcome = '=')
FROM outcomes;

-- name: refused
-- Returns the rows of the chunk that another row keeps from their key: row number, verdict, and the source of that row.
SELECT met.row_number, verdict, sources.name
FROM met
JOIN sources ON sources.id = held_source_id
WHERE verdict IN ('repeats', 'belongs to another')
ORDER BY met.row_number;

-- name: displaced
-- Returns the rows of committed chunks of current loads that earlier ones have displaced: load, chunk, row number and
-- outcome. A chunk that was reopened finds out by itself.
SELECT held_load_id, load_chunks.number, held_row_number, held_outcome
FROM met
JOIN load_chunks
    ON load_chunks.load_id = held_load_id
    AND held_row_number BETWEEN load_chunks.first_row AND load_chunks.first_row + load_chunks.row_count - 1
WHERE verdict = 'displaces'
  AND held_load_id = (SELECT max(id) FROM loads WHERE loads.source_id = held_source_id)
  AND committed_at IS NOT NULL
ORDER BY held_load_id, load_chunks.number, held_row_number;

-- name: has_earlier
-- Returns whether the table holds rows of a source that its current load does not list.
SELECT EXISTS (SELECT FROM {table} WHERE source_id = %(source_id)s AND load_id < %(load)s);

-- name: remove_gone
-- Removes the rows that the current loads of the dataset do not list, but for those that rows of other tables name.
-- Returns each load for which such rows were there: its id, how many were removed, and whether some were kept.
WITH keeping AS (
    SELECT current_loads.id, current_loads.source_id
    FROM current_loads
    JOIN sources ON sources.id = current_loads.source_id
    WHERE keeps_rows
      AND sources.dataset = %(dataset)s
), before AS (
    SELECT keeping.id, count(*) AS row_count
    FROM keeping
    JOIN {table} AS held ON held.source_id = keeping.source_id AND held.load_id < keeping.id
    GROUP BY keeping.id
), gone AS (
    DELETE FROM {table} AS held
    USING keeping
    WHERE held.source_id = keeping.source_id
      AND held.load_id < keeping.id
      AND {is_not_referred_to}
    RETURNING keeping.id
), removed AS (
    SELECT id, count(*) AS row_count FROM gone GROUP BY id
)
SELECT keeping.id, coalesce(removed.row_count, 0), coalesce(before.row_count, 0) > coalesce(removed.row_count, 0)
FROM keeping
LEFT JOIN before USING (id)
LEFT JOIN removed USING (id);

-- name: has_removable_rows
-- Returns whether `remove_gone` would remove a row of a source.
SELECT EXISTS (
    SELECT FROM {table} AS held WHERE source_id = %(source_id)s AND load_id < %(load)s AND {is_not_referred_to}
);

-- name: compare
-- Returns what loading would do with each row of the chunk: row number, verdict, and the source that has its key.
SELECT
    incoming.row_number,
    CASE
        WHEN incoming._place > 1 OR previewed._source = %(source)s THEN 'repeats'
        WHEN previewed._source IS NOT NULL OR held.source_id <> incoming.source_id THEN 'belongs to another'
        WHEN held.source_id IS NULL THEN 'inserts'
        WHEN ROW({held_values}) IS DISTINCT FROM ROW({incoming_values}) THEN 'updates'
        ELSE 'changes nothing'
    END,
    coalesce(previewed._source, (SELECT name FROM sources WHERE id = held.source_id), %(source)s)
FROM (
    SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY row_number) AS _place FROM {incoming}
) AS incoming
LEFT JOIN {previewed} AS previewed ON {previewed_has_key}
LEFT JOIN {table} AS held ON {held_has_key}
ORDER BY incoming.row_number;

-- name: enter_previewed
-- Enters the rows of the chunk into those that the run would have loaded, but for those whose key another source holds.
INSERT INTO {previewed} (_source, {columns})
SELECT %(source)s, {columns}
FROM {incoming} AS incoming
WHERE NOT EXISTS (SELECT FROM {table} AS held WHERE {held_has_key} AND held.source_id <> incoming.source_id)
ORDER BY row_number
ON CONFLICT ({key}) DO NOTHING;

-- name: enter_gone
-- Enters the rows of the source that the run would remove: all that it does not list but those that others name.
-- Returns how many.
WITH entered AS (
    INSERT INTO {gone} ({columns})
    SELECT {columns}
    FROM {table} AS held
    WHERE source_id = %(source_id)s
      AND NOT EXISTS (
          SELECT FROM {previewed} AS previewed WHERE {held_is_previewed} AND previewed._source = %(source)s
      )
      AND {is_not_referred_to}
    RETURNING 1
)
SELECT count(*) FROM entered;

-- name: update_previewed
-- Returns how many rows of the source that would change nothing count as updated from now on; see `update_repeated`.
WITH repeated AS (
    UPDATE {previewed} AS previewed
    SET _is_updated = true
    FROM {incoming} AS incoming
    JOIN {table} AS held ON {held_has_key}
    WHERE {previewed_has_key}
      AND previewed._source = %(source)s
      AND _is_updated IS NULL
      AND held.source_id = incoming.source_id
      AND held.load_id <> %(load)s
      AND ROW({held_values}) IS NOT DISTINCT FROM ROW({previewed_values})
      AND ROW({held_values}) IS DISTINCT FROM ROW({incoming_values})
    RETURNING 1
)
SELECT count(*) FROM repeated;

-- name: loaded_rows
-- Returns how many rows of a source the table holds.
SELECT count(*) FROM {table} WHERE source_id = %(source_id)s;

-- name: forget
-- Removes the rows of a source; returns how many.
WITH removed AS (
    DELETE FROM {table} WHERE source_id = %(source_id)s RETURNING 1
)
SELECT count(*) FROM removed;
