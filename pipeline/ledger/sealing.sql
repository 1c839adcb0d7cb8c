-- name: versions
-- The versions that are to be sealed in this transaction, and the chunks of those that were scanned (the others have
-- no chunk_count). The rest of a row is found out by seal.sql. Empty at the start of each transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS sealing (
    position       integer PRIMARY KEY,
    name           text NOT NULL,
    dataset        text NOT NULL,
    description_sha256 text NOT NULL,
    refers_to      text[] NOT NULL,
    carries_over   boolean NOT NULL,
    is_settled     boolean NOT NULL,
    has_removable_rows       boolean NOT NULL,
    sha256         text NOT NULL,
    encoding       text NOT NULL,
    given_encoding text,
    read_from      text,
    columns        text[],
    delimiter      text,
    row_count      bigint,
    chunk_count    integer,
    source_id      integer,
    load_id        bigint,
    is_new         boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE IF NOT EXISTS sealing_chunks (
    position    integer NOT NULL,
    number      integer NOT NULL,
    first_row   bigint NOT NULL,
    row_count   integer NOT NULL,
    first_line  bigint NOT NULL,
    byte_offset bigint NOT NULL,
    byte_count  integer NOT NULL,
    sha256      text NOT NULL,
    line_count  integer
) ON COMMIT DELETE ROWS;

INSERT INTO sealing (
    position, name, dataset, description_sha256, refers_to, carries_over, is_settled, has_removable_rows, sha256, encoding,
    given_encoding, read_from, columns, delimiter, row_count, chunk_count
)
SELECT
    position, name, dataset, description_sha256, refers_to, carries_over, is_settled, has_removable_rows, sha256, encoding,
    given_encoding, read_from, columns, delimiter, row_count, chunk_count
FROM json_to_recordset(%(versions)s) AS version (
    position integer, name text, dataset text, description_sha256 text, refers_to text[], carries_over boolean,
    is_settled boolean, has_removable_rows boolean, sha256 text, encoding text, given_encoding text, read_from text,
    columns text[], delimiter text, row_count bigint, chunk_count integer
);

-- name: seal
-- Makes each version in the table sealing the current load of its source, unless its current load has that content
-- already. Returns name, id and number of rows of the current load of each; no row for a version that was not scanned
-- and is not current, and NULLs for a source that was just forgotten.

-- In order, so that two producers that enter the same names wait for each other and not both for the other.
INSERT INTO sources (name, dataset)
SELECT name, dataset
FROM sealing
WHERE chunk_count IS NOT NULL
  AND NOT EXISTS (SELECT FROM sources WHERE sources.name = sealing.name)
ORDER BY name
ON CONFLICT (name) DO NOTHING;

UPDATE sealing SET source_id = sources.id FROM sources WHERE sources.name = sealing.name;

-- Waits until no transaction is loading a chunk of one of them, and keeps others out until the end of this one.
SELECT pg_advisory_xact_lock(hashtext('pipeline source'), source_id)
FROM (SELECT source_id FROM sealing WHERE source_id IS NOT NULL ORDER BY source_id) AS in_order;

UPDATE sealing SET source_id = NULL WHERE NOT EXISTS (SELECT FROM sources WHERE sources.id = sealing.source_id);

UPDATE sealing
SET load_id = loads.id
FROM loads
WHERE loads.id = (SELECT max(id) FROM loads WHERE loads.source_id = sealing.source_id)
  AND loads.sha256 = sealing.sha256
  AND loads.description_sha256 = sealing.description_sha256
  AND (
      loads.encoding = sealing.encoding
      -- Earlier versions did not record it, and found other rows where quotes are wrong: what such a load has not loaded,
      -- or rejected, is planned again.
      OR loads.encoding IS NULL
      AND NOT EXISTS (SELECT FROM load_chunks WHERE load_id = loads.id AND coalesce(rejected, 1) > 0)
  );

UPDATE sealing SET is_new = true WHERE load_id IS NULL AND source_id IS NOT NULL AND chunk_count IS NOT NULL;

INSERT INTO loads (source_id, sha256, description_sha256, encoding, read_from, columns, delimiter, row_count, chunk_count)
SELECT source_id, sha256, description_sha256, encoding, read_from, columns, delimiter, row_count, chunk_count
FROM sealing
WHERE is_new
ORDER BY position;   -- of two sources that list a city, the one sealed later decides

UPDATE sealing SET load_id = (SELECT max(id) FROM loads WHERE loads.source_id = sealing.source_id) WHERE is_new;

INSERT INTO load_chunks (
    load_id, number, first_row, row_count, first_line, byte_offset, byte_count, sha256, line_count
)
SELECT
    sealing.load_id, number, first_row, sealing_chunks.row_count, first_line, byte_offset, byte_count,
    sealing_chunks.sha256, line_count
FROM sealing_chunks
JOIN sealing USING (position)
WHERE is_new;

-- Chunks whose rows the table holds already are committed from the start: the load before has committed the same bytes
-- as the same rows, and none was rejected.
WITH load_before AS (
    SELECT sealing.load_id AS new_load_id, sealing.chunk_count AS new_chunk_count, loads.id
    FROM sealing
    JOIN loads ON loads.id = (
        SELECT max(id) FROM loads WHERE loads.source_id = sealing.source_id AND loads.id < sealing.load_id
    )
    WHERE is_new
      AND carries_over
      AND (loads.columns, loads.delimiter, loads.description_sha256)
          = (sealing.columns, sealing.delimiter, sealing.description_sha256)
), carried_over AS (
    SELECT load_chunks.load_id, load_chunks.number
    FROM load_before
    JOIN load_chunks ON load_chunks.load_id = new_load_id
    JOIN load_chunks AS chunks_before
        ON chunks_before.load_id = load_before.id
        AND chunks_before.first_row = load_chunks.first_row
        AND chunks_before.row_count = load_chunks.row_count
        AND chunks_before.sha256 = load_chunks.sha256
    WHERE chunks_before.rejected = 0                  -- NULL while it is not committed
      AND load_chunks.number < new_chunk_count        -- the last chunk also owns all rows after it
)
UPDATE load_chunks
SET committed_at = now(),
    inserted = 0,
    updated = 0,
    unchanged = row_count,
    rejected = 0,
    deleted = 0
FROM carried_over
WHERE load_chunks.load_id = carried_over.load_id
  AND load_chunks.number = carried_over.number;

-- In a load that is current already, some committed chunks become missing again:
-- * Chunks with rejected rows, if what they refer to was loaded since, or a key of their own dataset became free since.
--   What could not be loaded then may be good now. So also if they refer to a dataset whose chunks become missing here.
-- * Where rows are known by keys, the chunks after such a chunk: a row that is good now may have a key that a row of
--   theirs has taken.
-- * The last chunk, if rows were kept because others referred to them, and no row refers to some of them any more. That
--   chunk removes what its load does not list.
WITH RECURSIVE resolvable AS (
    SELECT load_chunks.load_id, load_chunks.number, sealing.carries_over, sealing.dataset
    FROM sealing
    JOIN load_chunks USING (load_id)
    WHERE NOT is_new
      AND rejected > 0
      AND (
          EXISTS (
              SELECT FROM datasets WHERE datasets.name = sealing.dataset AND keys_freed_at > load_chunks.committed_at
          )
          OR EXISTS (
              SELECT
              FROM current_loads
              JOIN sources ON sources.id = current_loads.source_id
              JOIN load_chunks AS referred ON referred.load_id = current_loads.id
              WHERE sources.dataset = ANY (refers_to)
                AND (referred.committed_at IS NULL OR referred.committed_at > load_chunks.committed_at)
          )
          OR is_settled AND EXISTS (
              SELECT
              FROM current_loads
              JOIN sources ON sources.id = current_loads.source_id
              JOIN load_chunks AS own ON own.load_id = current_loads.id
              WHERE sources.dataset = sealing.dataset
                AND own.committed_at IS NULL
          )
      )
    UNION
    SELECT load_chunks.load_id, load_chunks.number, sealing.carries_over, sealing.dataset
    FROM resolvable
    JOIN sealing
        ON resolvable.dataset = ANY (sealing.refers_to)
        OR sealing.is_settled AND resolvable.dataset = sealing.dataset
    JOIN load_chunks ON load_chunks.load_id = sealing.load_id
    WHERE NOT is_new
      AND rejected > 0
), to_reopen AS (
    SELECT load_id, number FROM resolvable
    UNION
    SELECT later.load_id, later.number
    FROM (SELECT load_id, min(number) AS number FROM resolvable WHERE NOT carries_over GROUP BY load_id) AS first
    JOIN load_chunks AS later ON later.load_id = first.load_id AND later.number > first.number
    WHERE later.committed_at IS NOT NULL
    UNION
    SELECT last.load_id, last.number
    FROM sealing
    JOIN loads ON loads.id = sealing.load_id
    JOIN load_chunks AS last ON last.load_id = loads.id AND last.number = loads.chunk_count
    WHERE NOT is_new
      AND has_removable_rows
      AND last.committed_at IS NOT NULL
)
UPDATE load_chunks
SET reopened = reopened + 1,
    committed_at = NULL,
    inserted = NULL,
    updated = NULL,
    unchanged = NULL,
    rejected = NULL   -- not deleted: rows that the load has removed do not go again
FROM to_reopen
WHERE load_chunks.load_id = to_reopen.load_id
  AND load_chunks.number = to_reopen.number;

-- Rows that were kept aside until they could be settled with those of other chunks will not be.
DELETE FROM chunk_texts
USING sealing
JOIN loads ON loads.source_id = sealing.source_id AND loads.id < sealing.load_id
WHERE is_new
  AND chunk_texts.load_id = loads.id
  AND is_kept_aside;

-- The history of a source: its last 100 loads.
DELETE FROM loads
USING sealing
WHERE loads.source_id = sealing.source_id
  AND is_new
  AND loads.id < (
      SELECT id FROM loads WHERE loads.source_id = sealing.source_id ORDER BY id DESC OFFSET 99 LIMIT 1
  );

UPDATE sources
SET encoding = given_encoding
FROM sealing
WHERE sources.id = sealing.source_id
  AND given_encoding IS DISTINCT FROM sources.encoding
  AND given_encoding IS NOT NULL;

SELECT name, load_id, loads.row_count
FROM sealing
LEFT JOIN loads ON loads.id = load_id
WHERE load_id IS NOT NULL
   OR sealing.chunk_count IS NOT NULL
ORDER BY position;
