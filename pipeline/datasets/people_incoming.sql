-- The people of one chunk on their way into people, empty at the start of each.
CREATE TEMPORARY TABLE IF NOT EXISTS people_incoming (LIKE people) ON COMMIT DELETE ROWS;
DELETE FROM people_incoming;   -- a preview compares many chunks in one transaction
