-- People whose names, date and place of birth stand in more than one row, and where they stand.
-- Nearly no one does, so whom to compare is found by sorting numbers alone: eight bytes a row instead of all its text.
-- datasets: places, people
WITH hashed AS NOT MATERIALIZED (   -- computed twice, which costs less than keeping it
    SELECT
        *,
        hashtextextended(
            given_name,
            hashtextextended(family_name, (date_of_birth - DATE '0001-01-01') * 1000::bigint + place_id)
        ) AS hash
    FROM people
), hashes AS (
    SELECT hash
    FROM hashed
    ORDER BY hash   -- for groups one after the other: a hash table of all of them would not fit into work_mem
), found_twice AS MATERIALIZED (   -- once, not in each parallel worker
    SELECT hash
    FROM hashes
    GROUP BY hash
    HAVING count(*) > 1
)
SELECT
    given_name,
    family_name,
    date_of_birth,
    places.city AS place_of_birth,
    count(*) AS times,
    string_agg(sources.name || ' row ' || row_number, '; ' ORDER BY sources.name COLLATE "C", row_number) AS recorded_in
FROM hashed
JOIN found_twice USING (hash)
JOIN places ON places.id = place_id
JOIN sources ON sources.id = source_id
GROUP BY given_name, family_name, date_of_birth, places.city   -- these decide: different people can share a hash
HAVING count(*) > 1
ORDER BY
    family_name COLLATE "C", given_name COLLATE "C", date_of_birth, places.city COLLATE "C";
