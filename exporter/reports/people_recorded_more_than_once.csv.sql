-- People whose names, date and place of birth stand in more than one row, and where they stand.
SELECT
    given_name,
    family_name,
    date_of_birth,
    places.city AS place_of_birth,
    count(*) AS times,
    string_agg(sources.name || ' row ' || row_number, '; ' ORDER BY sources.name COLLATE "C", row_number) AS recorded_in
FROM people
JOIN places ON places.id = people.place_id
JOIN sources ON sources.id = people.source_id
GROUP BY given_name, family_name, date_of_birth, places.city
HAVING count(*) > 1
ORDER BY
    family_name COLLATE "C", given_name COLLATE "C", date_of_birth, places.city COLLATE "C";
