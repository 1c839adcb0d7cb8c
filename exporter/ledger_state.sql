-- Returns one SHA-256 of all that the ledger says: every load and every chunk, with counts, and times in microseconds.
WITH entries AS (
    SELECT load_progress::text AS entry FROM load_progress
    UNION ALL
    SELECT load_chunks::text FROM load_chunks
)
SELECT encode(sha256(convert_to(coalesce(string_agg(entry, E'\n' ORDER BY entry COLLATE "C"), ''), 'UTF8')), 'hex')
FROM entries;
