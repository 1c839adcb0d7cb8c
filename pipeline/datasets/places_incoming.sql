-- The places of one chunk on their way into places, empty at the start of each.
CREATE TEMPORARY TABLE IF NOT EXISTS places_incoming (
    row_number bigint NOT NULL,
    city       text NOT NULL,
    county     text NOT NULL,
    country    text NOT NULL
) ON COMMIT DELETE ROWS;
DELETE FROM places_incoming;   -- a preview compares many chunks in one transaction
