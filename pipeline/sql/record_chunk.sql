-- Marks a chunk as committed, with what became of its rows. The time is the transaction's begin: places that were
-- sealed after it looked them up must count as later than this chunk, so that its rejected rows come back.
UPDATE load_chunks
SET committed_at = now(),
    inserted = %(inserted)s,
    updated = %(updated)s,
    unchanged = %(unchanged)s,
    rejected = %(rejected)s,
    deleted = %(deleted)s
WHERE load_id = %(load)s
  AND number = %(number)s;
