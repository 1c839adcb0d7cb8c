-- Returns how many people were inserted, updated and deleted, so that the range of the chunk
-- (last_row NULL: without end) holds exactly the rows of people_incoming.
WITH existing AS (
    SELECT *
    FROM people
    WHERE source_id = %(source_id)s
      AND row_number >= %(first_row)s
      AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s)
), changed AS (
    SELECT incoming.*
    FROM people_incoming AS incoming
    LEFT JOIN existing USING (source_id, row_number)
    WHERE (existing.given_name, existing.family_name, existing.date_of_birth, existing.place_id)
        IS DISTINCT FROM (incoming.given_name, incoming.family_name, incoming.date_of_birth, incoming.place_id)
), written AS (
    INSERT INTO people (source_id, row_number, given_name, family_name, date_of_birth, place_id)
    SELECT source_id, row_number, given_name, family_name, date_of_birth, place_id FROM changed
    ON CONFLICT (source_id, row_number) DO UPDATE SET
        given_name = excluded.given_name,
        family_name = excluded.family_name,
        date_of_birth = excluded.date_of_birth,
        place_id = excluded.place_id
    RETURNING (xmax = 0) AS is_new   -- xmax is 0 in a row version that replaced none
), gone AS (
    DELETE FROM people
    USING existing
    WHERE people.source_id = existing.source_id
      AND people.row_number = existing.row_number
      AND NOT EXISTS (SELECT FROM people_incoming WHERE people_incoming.row_number = people.row_number)
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM written WHERE is_new),
    (SELECT count(*) FROM written WHERE NOT is_new),
    (SELECT count(*) FROM gone);
