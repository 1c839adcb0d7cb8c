-- What a run would make of places, as far as it was previewed: the last source that lists a city decides.
CREATE TEMPORARY TABLE IF NOT EXISTS places_previewed (
    city    text PRIMARY KEY,
    county  text NOT NULL,
    country text NOT NULL,
    source  text NOT NULL
) ON COMMIT DELETE ROWS;
