-- What the ledger is asked and told. Parameters stand as %(name)s.

-- name: known_sources
-- Returns each source that has a load: name, id, dataset, encoding given by the user; and of its current load id, SHA-256,
-- description, encoding, number of rows, path and version on a server. SHA-256 is NULL where the load has to be planned again.
SELECT
    sources.name, sources.id, sources.dataset, sources.encoding,
    current_loads.id,
    CASE
        WHEN current_loads.encoding IS NOT NULL
            OR NOT EXISTS (
                SELECT FROM load_chunks WHERE load_id = current_loads.id AND coalesce(rejected, 1) > 0
            )
        THEN current_loads.sha256
    END,
    current_loads.description_sha256, current_loads.encoding, current_loads.row_count,
    current_loads.read_from, current_loads.remote_version
FROM sources
JOIN current_loads ON current_loads.source_id = sources.id;

-- name: record_remote_versions
-- Enters of loads which version of its file on a server each has.
UPDATE loads
SET remote_version = version.digest
FROM unnest(%(loads)s::bigint[], %(versions)s::text[]) AS version (load_id, digest)
WHERE loads.id = version.load_id
  AND remote_version IS DISTINCT FROM version.digest;

-- name: header_of_load
-- Returns the columns and the delimiter of a load.
SELECT columns, delimiter FROM loads WHERE id = %(load)s;

-- name: chunks_of_load
-- Returns the chunks of a load, in order, each after its number of rejected rows (NULL: not committed yet, or it is not
-- decided yet which of its rows are rejected).
SELECT
    CASE WHEN NOT EXISTS (SELECT FROM chunk_texts WHERE load_id = %(load)s AND number = load_chunks.number)
        THEN rejected
    END,
    number, first_row, row_count, first_line, byte_offset, byte_count, sha256, line_count
FROM load_chunks
WHERE load_id = %(load)s
ORDER BY number;

-- name: chunk_columns
-- Identifies a chunk, and says where in its file it stands.
load_chunks.load_id,
sources.name,
load_chunks.reopened,
load_chunks.number,
load_chunks.first_row,
load_chunks.row_count,
load_chunks.first_line,
load_chunks.byte_offset,
load_chunks.byte_count,
load_chunks.sha256,
load_chunks.line_count

-- name: claim_columns
-- What a Claim holds besides load and number.
sources.name,
sources.dataset,
loads.columns,
loads.delimiter,
sources.id,
load_chunks.first_row,
CASE WHEN load_chunks.number < loads.chunk_count
    THEN load_chunks.first_row + load_chunks.row_count - 1
END AS last_row,   -- NULL: the last chunk also owns all rows after it
load_chunks.first_line,
load_chunks.row_count,
load_chunks.sha256,
loads.description_sha256

-- name: missing_chunks
-- Returns the chunks of current loads that are not committed yet, in order; where these are not NULL only those of some
-- loads or datasets, only those before a number in their load, and no more than a limit.
SELECT {chunk_columns}
FROM load_chunks
JOIN loads ON loads.id = load_chunks.load_id
JOIN sources ON sources.id = loads.source_id
WHERE load_chunks.committed_at IS NULL
  AND (%(loads)s::bigint[] IS NULL OR load_chunks.load_id = ANY (%(loads)s))
  AND (%(datasets)s::text[] IS NULL OR sources.dataset = ANY (%(datasets)s))
  AND (%(before)s::integer IS NULL OR load_chunks.number < %(before)s)
  -- NOT EXISTS rather than a join with current_loads: few chunks are missing, many loads are there.
  AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
ORDER BY load_chunks.load_id, load_chunks.number
LIMIT %(limit)s;

-- name: removing
-- Returns those of some datasets that may remove rows once they are complete: of a source with rows that its load does
-- not list, or of one that was loaded before or has a chunk that was reopened, while chunks of it are missing or kept aside.
SELECT DISTINCT sources.dataset
FROM (
    SELECT load_id FROM load_chunks WHERE committed_at IS NULL AND reopened > 0
    UNION
    SELECT load_id FROM chunk_texts JOIN load_chunks USING (load_id, number) WHERE is_kept_aside AND reopened > 0
    UNION
    SELECT load_id
    FROM (
        SELECT load_id FROM load_chunks WHERE committed_at IS NULL
        UNION
        SELECT load_id FROM chunk_texts WHERE is_kept_aside
    ) AS open
    JOIN loads ON loads.id = load_id
    WHERE EXISTS (SELECT FROM loads AS older WHERE older.source_id = loads.source_id AND older.id < loads.id)
    UNION
    SELECT id FROM loads WHERE keeps_rows
) AS removing
JOIN loads ON loads.id = removing.load_id
JOIN sources ON sources.id = loads.source_id
WHERE sources.dataset = ANY (%(datasets)s)
  AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id);

-- name: all_chunks
-- Returns every chunk of these sources, of superseded loads too.
SELECT {chunk_columns}
FROM load_chunks
JOIN loads ON loads.id = load_chunks.load_id
JOIN sources ON sources.id = loads.source_id
WHERE sources.id = ANY (%(source_ids)s);

-- name: current_progress
-- Returns one row for each current load: how far it is, what became of its rows, and the seconds from sealing to the last
-- commit (NULL: nothing had to be loaded). Reads no chunk of any other load, unlike load_progress: the exporter asks
-- several times a second.
SELECT
    current_loads.id,
    sources.name,
    sources.dataset,
    current_loads.row_count,
    chunks.committed_rows,
    chunks.inserted,
    chunks.updated,
    chunks.unchanged,
    chunks.rejected,
    chunks.deleted,
    chunks.committed = current_loads.chunk_count AS complete,
    chunks.seconds,
    current_loads.keeps_rows,
    current_loads.sealed_at
FROM current_loads
JOIN sources ON sources.id = current_loads.source_id
CROSS JOIN LATERAL (
    SELECT
        count(committed_at) AS committed,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE committed_at IS NOT NULL), 0)::bigint AS committed_rows,
        coalesce(sum(inserted), 0)::bigint AS inserted,
        coalesce(sum(updated), 0)::bigint AS updated,
        coalesce(sum(unchanged), 0)::bigint AS unchanged,
        coalesce(sum(rejected), 0)::bigint AS rejected,
        coalesce(sum(deleted), 0)::bigint AS deleted,
        EXTRACT(
            epoch FROM max(committed_at + coalesce(seconds, 0) * interval '1 s')
                FILTER (WHERE committed_at > current_loads.sealed_at AND reopened = 0) - current_loads.sealed_at
        )::float8 AS seconds
    FROM load_chunks
    WHERE load_id = current_loads.id
) AS chunks
ORDER BY sources.name COLLATE "C";

-- name: claim_chunk
-- Returns the chunk, locked, and whether there is anything to load: it is not committed yet and its load is current.
-- No row if there is no such chunk. Keeps the current load of the source as it is until the end of the transaction;
-- many may do so at once. By an advisory lock, because waiters queue: with a row lock the producer could starve
-- behind busy workers.
SELECT pg_advisory_xact_lock_shared(hashtext('pipeline source'), source_id) FROM loads WHERE id = %(load)s;

SELECT
    load_chunks.committed_at IS NULL
        AND loads.id = (SELECT max(id) FROM loads AS of_source WHERE of_source.source_id = loads.source_id),
    {claim_columns}
FROM load_chunks
JOIN loads ON loads.id = load_chunks.load_id
JOIN sources ON sources.id = loads.source_id
WHERE load_chunks.load_id = %(load)s
  AND load_chunks.number = %(number)s
FOR UPDATE OF load_chunks;   -- a second delivery waits here, then finds committed_at set

-- name: record_chunk
-- Marks a chunk as committed, with what became of its rows. The time is the transaction's begin: places that were
-- sealed after it looked them up must count as later than this chunk, so that its rejected rows come back.
UPDATE load_chunks
SET committed_at = now(),
    inserted = %(inserted)s,
    updated = %(updated)s,
    unchanged = %(unchanged)s,
    rejected = %(rejected)s,
    deleted = coalesce(deleted, 0) + %(deleted)s,   -- not NULL if the chunk was reopened
    worker = %(worker)s,
    seconds = EXTRACT(epoch FROM clock_timestamp() - now()),
    retries = %(retries)s
WHERE load_id = %(load)s
  AND number = %(number)s;

-- name: delete_rejected
-- Removes the rejected rows in the range of a chunk (last_row NULL: without end).
DELETE FROM rejected_rows
WHERE source_id = %(source_id)s
  AND row_number >= %(first_row)s
  AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s);

-- name: rejected_kinds
-- Returns the kinds of faults among the rejected rows, commonest first, each with its number of rows, and with source,
-- line and reason of the first of them.
WITH commonest AS (
    SELECT kind, count(*) AS row_count
    FROM rejected_rows
    CROSS JOIN LATERAL (SELECT DISTINCT unnest(kinds) AS kind) AS each
    GROUP BY kind
    ORDER BY count(*) DESC, kind COLLATE "C"
    LIMIT %(limit)s
)
SELECT kind, row_count, sources.name, example.line, example.reason
FROM commonest
CROSS JOIN LATERAL (
    SELECT source_id, line, reason
    FROM rejected_rows
    WHERE kind = ANY (kinds)
    ORDER BY source_id, row_number
    LIMIT 1
) AS example
JOIN sources ON sources.id = example.source_id
ORDER BY row_count DESC, kind COLLATE "C";

-- name: lock_sources
-- Waits until no transaction is loading a chunk of these sources, and keeps others out until the end of this one.
SELECT pg_advisory_xact_lock(hashtext('pipeline source'), id)
FROM (SELECT unnest(%(source_ids)s::integer[]) AS id ORDER BY id) AS in_order;

-- name: forget_source
-- Removes a source, its rejected rows and its loads.
-- One statement, so that foreign keys among the tables are checked when all of it is gone.
WITH removed_rejects AS (
    DELETE FROM rejected_rows WHERE source_id = %(source_id)s
), removed_loads AS (
    DELETE FROM loads WHERE source_id = %(source_id)s
)
DELETE FROM sources WHERE id = %(source_id)s;

-- name: installation
-- Returns the id of this database.
SELECT id::text FROM installation;

-- name: description
-- Returns the description of a dataset by its digest.
SELECT content FROM descriptions WHERE sha256 = %(sha256)s;

-- name: enter_description
-- Enters the description of a dataset, unless it is there.
INSERT INTO descriptions (sha256, content)
VALUES (encode(sha256(convert_to(%(content)s, 'UTF8')), 'hex'), %(content)s)
ON CONFLICT DO NOTHING;

-- name: is_first_load
-- Returns whether a load is the first one of its source that the ledger holds.
SELECT NOT EXISTS (SELECT FROM loads WHERE source_id = %(source_id)s AND id < %(load)s);

-- name: reject_committed
-- Counts rows of a committed chunk as rejected that were counted as inserted, updated or unchanged.
UPDATE load_chunks
SET inserted = inserted - %(inserted)s,
    updated = updated - %(updated)s,
    unchanged = unchanged - %(unchanged)s,
    rejected = rejected + %(inserted)s + %(updated)s + %(unchanged)s
WHERE load_id = %(load)s
  AND number = %(number)s;

-- name: update_committed
-- Counts rows of a committed chunk as updated that were counted as unchanged.
UPDATE load_chunks
SET updated = updated + %(count)s,
    unchanged = unchanged - %(count)s
WHERE load_id = %(load)s
  AND number = %(number)s;

-- name: missing_besides
-- Returns whether chunks are missing besides this one: of its load, and of current loads of its dataset.
SELECT
    EXISTS (SELECT FROM load_chunks WHERE load_id = %(load)s AND number <> %(number)s AND committed_at IS NULL),
    EXISTS (
        SELECT
        FROM load_chunks
        JOIN loads ON loads.id = load_chunks.load_id
        JOIN sources ON sources.id = loads.source_id
        WHERE load_chunks.committed_at IS NULL
          AND sources.dataset = %(dataset)s
          AND (load_chunks.load_id, load_chunks.number) <> (%(load)s, %(number)s)
          AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
    );

-- name: record_gone
-- Records of loads whether rows stay that they do not list, and counts those that were removed in their last chunks.
UPDATE loads
SET keeps_rows = is_kept
FROM unnest(%(loads)s::bigint[], %(kept)s::boolean[]) AS gone (load_id, is_kept)
WHERE loads.id = gone.load_id
  AND keeps_rows <> is_kept;

UPDATE load_chunks
SET deleted = deleted + removed
FROM unnest(%(loads)s::bigint[], %(removed)s::integer[]) AS gone (load_id, removed)
JOIN loads ON loads.id = gone.load_id
WHERE load_chunks.load_id = gone.load_id
  AND load_chunks.number = loads.chunk_count
  AND gone.removed > 0
  AND gone.load_id IS DISTINCT FROM %(own_load)s::bigint;

-- name: record_kept
-- Records whether rows are there that a load does not list.
UPDATE loads SET keeps_rows = %(is_kept)s WHERE id = %(load)s AND keeps_rows <> %(is_kept)s;

-- name: loads_that_keep_rows
-- Returns the current loads for which rows stay that they do not list: source, its id, and load.
SELECT sources.name, sources.id, current_loads.id
FROM current_loads
JOIN sources ON sources.id = current_loads.source_id
WHERE current_loads.keeps_rows;

-- name: free_keys
-- Records that keys of a dataset have become free, so that rows which were rejected for them are loaded again.
UPDATE datasets SET keys_freed_at = coalesce(%(moment)s, clock_timestamp()) WHERE name = %(dataset)s;

-- name: describe_earlier_loads
-- Records the description of loads of a dataset that have none.
INSERT INTO descriptions (sha256, content)
SELECT %(sha256)s, %(content)s
WHERE EXISTS (
    SELECT
    FROM loads
    JOIN sources ON sources.id = loads.source_id
    WHERE dataset = %(dataset)s AND description_sha256 IS NULL
)
ON CONFLICT DO NOTHING;

UPDATE loads
SET description_sha256 = %(sha256)s
FROM sources
WHERE sources.id = loads.source_id
  AND dataset = %(dataset)s
  AND description_sha256 IS NULL;
