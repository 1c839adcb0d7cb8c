-- The places of one chunk on their way into places, empty at the start of each transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS places_incoming (
    city    text NOT NULL,
    county  text NOT NULL,
    country text NOT NULL
) ON COMMIT DELETE ROWS;
