-- Chunks of which it is not decided yet which of their rows are good. Parameters stand as %(name)s.

-- name: may_be_displaced
-- Returns whether a chunk of the same dataset is missing whose rows come before those of this chunk: of a load that was
-- sealed before, or before it in the same load. If one of them has a key of this chunk, it displaces the row here.
SELECT EXISTS (
    SELECT
    FROM load_chunks
    JOIN loads ON loads.id = load_chunks.load_id
    JOIN sources ON sources.id = loads.source_id
    WHERE load_chunks.committed_at IS NULL
      AND sources.dataset = %(dataset)s
      AND (load_chunks.load_id, load_chunks.number) < (%(load)s, %(number)s)
      AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
);

-- name: keep_text
-- Keeps the text of a chunk, so that its rows can be rejected when an earlier row has their key.
INSERT INTO chunk_texts (load_id, number, content)
VALUES (%(load)s, %(number)s, %(content)s)
ON CONFLICT DO NOTHING;

-- name: keep_rows
-- Keeps text and good rows of a chunk in place of what was kept of it before.
DELETE FROM chunk_texts WHERE load_id = %(load)s AND number = %(number)s;

INSERT INTO chunk_texts (load_id, number, content, lines) VALUES (%(load)s, %(number)s, %(content)s, %(lines)s);

-- name: lock_rows_kept_aside
-- One transaction of a dataset at a time looks whether it can settle the rows and ends; so the last finds all committed.
SELECT pg_advisory_xact_lock(hashtext('pipeline end in ' || %(dataset)s));

-- name: share_sources_kept_aside
-- Returns whether all sources of which rows are kept aside keep their current loads until the end of the transaction.
-- Without waiting: who seals several sources takes their locks in order, and may wait for one that is held here.
SELECT coalesce(bool_and(pg_try_advisory_xact_lock_shared(hashtext('pipeline source'), id)), true)
FROM sources
WHERE dataset = %(dataset)s
  AND EXISTS (SELECT FROM chunk_texts JOIN loads ON loads.id = load_id WHERE loads.source_id = sources.id);

-- name: chunks_kept_aside
-- Returns the chunks of current loads of a dataset whose rows are kept aside, in order: load, number, source, first row,
-- the number of rows of the load, and whether rejected rows may be good now: what they may name was loaded after the chunk.
SELECT
    load_chunks.load_id,
    load_chunks.number,
    loads.source_id,
    load_chunks.first_row,
    loads.row_count,
    rejected > 0 AND EXISTS (
        SELECT
        FROM current_loads
        JOIN sources ON sources.id = current_loads.source_id
        JOIN load_chunks AS named ON named.load_id = current_loads.id
        WHERE sources.dataset = ANY (%(named)s)
          AND named.committed_at > load_chunks.committed_at
    )
FROM chunk_texts
JOIN load_chunks USING (load_id, number)
JOIN current_loads AS loads ON loads.id = load_chunks.load_id
JOIN sources ON sources.id = loads.source_id
WHERE sources.dataset = %(dataset)s
  AND is_kept_aside   -- else the dataset had no keys to settle when the chunk was loaded
ORDER BY load_chunks.load_id, load_chunks.number;

-- name: sources_kept_aside
-- Returns the sources of which rows are kept aside until all chunks of the dataset of a load are there, in order.
SELECT DISTINCT sources.name COLLATE "C"
FROM chunk_texts
JOIN current_loads ON current_loads.id = chunk_texts.load_id
JOIN sources ON sources.id = current_loads.source_id
WHERE is_kept_aside
  AND sources.dataset = (
      SELECT dataset FROM sources AS own JOIN loads ON loads.source_id = own.id WHERE loads.id = %(load)s
  )
ORDER BY 1;

-- name: rows_kept_aside
-- Returns the good rows of a chunk, as lines for COPY.
SELECT lines FROM chunk_texts WHERE load_id = %(load)s AND number = %(number)s;

-- name: drop_kept_aside
-- Removes all that is kept of chunks of a dataset.
DELETE FROM chunk_texts
USING loads
JOIN sources ON sources.id = loads.source_id
WHERE loads.id = chunk_texts.load_id
  AND sources.dataset = %(dataset)s;

-- name: reopen_kept_aside
-- Makes the last of the chunks missing again whose rows are kept aside, of each current load of a dataset, or of those that
-- were sealed with another description than this one.
UPDATE load_chunks
SET reopened = reopened + 1,
    committed_at = NULL,
    inserted = NULL,
    updated = NULL,
    unchanged = NULL,
    rejected = NULL   -- not deleted: rows that the load has removed do not go again
FROM (
    SELECT chunk_texts.load_id, max(chunk_texts.number) AS number
    FROM chunk_texts
    JOIN current_loads ON current_loads.id = chunk_texts.load_id
    JOIN sources ON sources.id = current_loads.source_id
    WHERE sources.dataset = %(dataset)s
      AND is_kept_aside
      AND (%(description_sha256)s::text IS NULL OR description_sha256 <> %(description_sha256)s)
    GROUP BY chunk_texts.load_id
) AS last
WHERE load_chunks.load_id = last.load_id
  AND load_chunks.number = last.number
  AND committed_at IS NOT NULL;

-- name: record_settled
-- Enters what became of the rows of a chunk when they were settled, and when that was.
UPDATE load_chunks
SET committed_at = %(moment)s,
    inserted = %(inserted)s,
    updated = %(updated)s,
    unchanged = %(unchanged)s,
    rejected = row_count - %(inserted)s - %(updated)s - %(unchanged)s,
    deleted = deleted + %(deleted)s
WHERE load_id = %(load)s
  AND number = %(number)s;

-- name: drop_texts
-- Removes the texts of chunks of a dataset that no missing chunk can displace rows of any more, were this chunk committed.
-- One transaction of a dataset at a time does so and ends; so the last of them finds the others' texts and commits.
SELECT pg_advisory_xact_lock(hashtext('pipeline end in ' || %(dataset)s));

DELETE FROM chunk_texts
USING loads
JOIN sources ON sources.id = loads.source_id
WHERE loads.id = chunk_texts.load_id
  AND sources.dataset = %(dataset)s
  AND NOT EXISTS (
      SELECT
      FROM load_chunks AS earlier
      JOIN loads AS earlier_load ON earlier_load.id = earlier.load_id
      JOIN sources AS earlier_source ON earlier_source.id = earlier_load.source_id
      WHERE earlier.committed_at IS NULL
        AND earlier_source.dataset = %(dataset)s
        AND (earlier.load_id, earlier.number) < (chunk_texts.load_id, chunk_texts.number)
        AND (earlier.load_id, earlier.number) <> (%(load)s, %(number)s)
        AND NOT EXISTS (
            SELECT FROM loads AS newer WHERE newer.source_id = earlier_load.source_id AND newer.id > earlier_load.id
        )
  );

-- name: kept_text
-- Returns a chunk whose text is kept, as claim_chunk does, and the text.
SELECT
    {claim_columns},
    chunk_texts.content
FROM chunk_texts
JOIN load_chunks USING (load_id, number)
JOIN loads ON loads.id = chunk_texts.load_id
JOIN sources ON sources.id = loads.source_id
WHERE chunk_texts.load_id = %(load)s
  AND chunk_texts.number = %(number)s;
