-- What one would write without the pipeline: both files of the current folder into its tables, and the summary
-- (the query in the file :summary_query) into the file :summary.
BEGIN;
\ir places.sql

CREATE TEMPORARY TABLE people_csv (
    row_number     bigint GENERATED ALWAYS AS IDENTITY,
    given_name     text,
    family_name    text,
    date_of_birth  date,
    place_of_birth text
);
\copy people_csv (given_name, family_name, date_of_birth, place_of_birth) FROM 'people.csv' WITH (FORMAT csv, HEADER)
ANALYZE people_csv;

INSERT INTO people (source_id, row_number, given_name, family_name, date_of_birth, place_id)
SELECT sources.id, row_number, trim(given_name), trim(family_name), date_of_birth, places.id
FROM people_csv
JOIN places ON places.city = trim(place_of_birth)
JOIN sources ON sources.name = 'people.csv'
ON CONFLICT (source_id, row_number) DO UPDATE SET
    given_name = excluded.given_name,
    family_name = excluded.family_name,
    date_of_birth = excluded.date_of_birth,
    place_id = excluded.place_id;
COMMIT;

\pset format unaligned
\pset tuples_only on
\o :summary
\i :summary_query
