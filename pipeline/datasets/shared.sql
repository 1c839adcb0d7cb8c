-- name: empty_incoming
-- Makes place for the rows of one chunk, and for the listings that decide what the table says of their keys.
CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS AS
    SELECT source_id, row_number, {columns} FROM {listings} WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS {deciding} ON COMMIT DELETE ROWS AS
    SELECT {columns}, load_id, false AS _is_incoming FROM {listings} WITH NO DATA;
DELETE FROM {incoming};   -- a preview compares many chunks in one transaction

-- name: repeats
-- Takes rows whose key an earlier row of the load lists out of the incoming ones; returns their row numbers, and whether
-- they say something else.
WITH repeating AS (
    SELECT
        incoming.row_number,
        CASE WHEN listed.row_number IS NOT NULL
            THEN ROW({incoming_values}) IS DISTINCT FROM ROW({listed_values})
            ELSE ROW({incoming_values}) IS DISTINCT FROM ROW({first_values})
        END AS differs
    FROM (
        SELECT *, min(row_number) OVER (PARTITION BY {key}) AS _first_row_number FROM {incoming}
    ) AS incoming
    JOIN {incoming} AS first ON first.row_number = _first_row_number
    LEFT JOIN (
        SELECT row_number, {columns} FROM {listings} WHERE source_id = %(source_id)s AND load_id = %(load)s
        {and_previewed}
    ) AS listed ON {listed_has_key} AND listed.row_number < incoming.row_number
    WHERE listed.row_number IS NOT NULL
       OR incoming.row_number > _first_row_number
)
DELETE FROM {incoming} AS incoming
USING repeating
WHERE incoming.row_number = repeating.row_number
RETURNING incoming.row_number, repeating.differs;

-- name: and_previewed
-- The rows of the source that a run would have listed by now come before all at hand.
UNION ALL
SELECT 0, {columns} FROM {previewed} WHERE _source = %(source)s

-- name: drop_listed
-- Takes rows that the load has listed already out of the incoming ones: a chunk that is loaded again for its rejected rows
-- decides nothing about its other rows.
DELETE FROM {incoming} AS incoming
USING {listings} AS listed
WHERE {listed_has_key}
  AND listed.source_id = %(source_id)s
  AND listed.load_id = %(load)s
  AND listed.row_number = incoming.row_number;

-- name: list
-- Enters the incoming rows into the listings of their source.
INSERT INTO {listings} (source_id, row_number, load_id, outcome, {columns})
SELECT source_id, row_number, %(load)s, 'i', {columns} FROM {incoming}
ON CONFLICT ({key}, source_id) DO UPDATE SET
    row_number = excluded.row_number,
    load_id = excluded.load_id,
    outcome = 'u'
    {and_excluded_values};

-- name: lock
-- One transaction at a time decides what the table says.
SELECT pg_advisory_xact_lock(hashtext('pipeline dataset ' || %(dataset)s));

-- name: find_deciding
-- Fills the table of deciding listings for the incoming keys: those of the newest current load that lists a key.
-- With the last chunk it is known which keys the source does not list any more: another source may decide now.
SELECT pg_advisory_xact_lock(hashtext('pipeline dataset ' || %(dataset)s));

INSERT INTO {deciding}
SELECT DISTINCT ON ({listing_key}) {listing_columns}, listing.load_id, touched._is_incoming
FROM (
    SELECT {key}, true AS _is_incoming FROM {incoming}
    UNION ALL
    SELECT {key}, false
    FROM {listings} AS dropped
    WHERE %(is_last)s
      AND source_id = %(source_id)s
      AND load_id < %(load)s
) AS touched
JOIN {listings} AS listing USING ({key})
WHERE listing.load_id = (SELECT max(id) FROM loads WHERE loads.source_id = listing.source_id)
ORDER BY {listing_key}, listing.load_id DESC;

-- name: decide
-- Enters the deciding listings into the table; returns how many of the incoming keys are new to it, and of how many
-- it says something else now.
WITH written AS (
    INSERT INTO {table} AS held ({columns}, listed_by_load)
    SELECT {columns}, load_id FROM {deciding}
    ON CONFLICT ({key}) DO UPDATE SET
        listed_by_load = excluded.listed_by_load
        {and_excluded_values}
    WHERE ROW(held.listed_by_load, {held_values}) IS DISTINCT FROM ROW(excluded.listed_by_load, {excluded_values})
    RETURNING {key}, xmax = 0 AS _is_new   -- xmax is 0 in a row version that replaced none
)
SELECT
    count(*) FILTER (WHERE _is_new),
    count(*) FILTER (WHERE NOT _is_new AND ROW({before_values}) IS DISTINCT FROM ROW({deciding_values}))
FROM {deciding} AS deciding
JOIN written USING ({key})
LEFT JOIN {table} AS before USING ({key})   -- as they were before this statement
WHERE deciding._is_incoming;

-- name: loaded_rows
-- Returns how many keys the current load of a source lists.
SELECT count(*)
FROM {listings}
WHERE source_id = %(source_id)s
  AND load_id = (SELECT max(id) FROM loads WHERE loads.source_id = %(source_id)s);

-- name: is_listed_by_it_alone
-- Says of a row called referred whether this source lists it, and no other.
EXISTS (SELECT FROM {listings} AS listed WHERE {listed_has_referred_key} AND listed.source_id = %(source_id)s)
AND NOT EXISTS (SELECT FROM {listings} AS listed WHERE {listed_has_referred_key} AND listed.source_id <> %(source_id)s)

-- name: unlist
-- Removes the listings of a source. Fills the table of deciding listings with those of other sources: the newest current
-- load that lists a key decides, or else the last one that did.
CREATE TEMPORARY TABLE IF NOT EXISTS {unlisted} ON COMMIT DELETE ROWS AS
    SELECT {key} FROM {listings} WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS {deciding} ON COMMIT DELETE ROWS AS
    SELECT {columns}, load_id, false AS _is_incoming FROM {listings} WITH NO DATA;
DELETE FROM {unlisted};   -- several sources may be forgotten in one transaction
DELETE FROM {deciding};

WITH removed AS (
    DELETE FROM {listings} WHERE source_id = %(source_id)s RETURNING {key}
)
INSERT INTO {unlisted} SELECT {key} FROM removed;

INSERT INTO {deciding}
SELECT DISTINCT ON ({listing_key}) {listing_columns}, listing.load_id, false
FROM {unlisted}
JOIN {listings} AS listing USING ({key})
JOIN loads ON loads.id = (SELECT max(id) FROM loads WHERE loads.source_id = listing.source_id)
ORDER BY {listing_key}, (listing.load_id = loads.id) DESC, listing.load_id DESC;

-- name: remove_unlisted
-- Removes the rows of the keys that were unlisted and that no source lists any more; returns how many.
WITH removed AS (
    DELETE FROM {table}
    WHERE ({key}) IN (SELECT {key} FROM {unlisted} EXCEPT SELECT {key} FROM {deciding})
    RETURNING 1
)
SELECT count(*) FROM removed;

-- name: compare
-- Returns how many of the incoming keys would be new to the table, and of how many it would say something else.
WITH deciding AS (
    SELECT DISTINCT ON ({listing_key}) {listing_columns}
    FROM {incoming} AS incoming
    JOIN {listings} AS listing USING ({key})
    JOIN loads ON loads.id = (SELECT max(id) FROM loads WHERE loads.source_id = listing.source_id)
    ORDER BY {listing_key}, (listing.load_id = loads.id) DESC, listing.load_id DESC
), before AS (
    SELECT {columns} FROM {previewed}
    UNION ALL
    SELECT {columns}
    FROM deciding
    WHERE NOT EXISTS (SELECT FROM {previewed} AS previewed WHERE {previewed_has_deciding_key})
)
SELECT
    count(*) FILTER (WHERE {before_is_missing}),
    count(*) FILTER (WHERE NOT {before_is_missing} AND ROW({before_values}) IS DISTINCT FROM ROW({incoming_values}))
FROM {incoming} AS incoming
LEFT JOIN before USING ({key});

-- name: enter_previewed
-- Enters the incoming rows into those that the run would have loaded; the last source that lists a key decides.
INSERT INTO {previewed} (_source, {columns})
SELECT %(source)s, {columns} FROM {incoming}
ON CONFLICT ({key}) DO UPDATE SET
    _source = excluded._source
    {and_excluded_values};
