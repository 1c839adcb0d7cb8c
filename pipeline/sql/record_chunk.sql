-- Marks a chunk as committed, with what became of its rows.
UPDATE load_chunks
SET committed_at = clock_timestamp(),
    inserted = %(inserted)s,
    updated = %(updated)s,
    unchanged = %(unchanged)s,
    rejected = %(rejected)s,
    deleted = %(deleted)s
WHERE load_id = %(load)s
  AND number = %(number)s;
