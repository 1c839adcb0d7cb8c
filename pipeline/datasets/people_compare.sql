-- Returns how many people people_merge.sql would insert, update and delete.
SELECT
    count(*) FILTER (WHERE existing.row_number IS NULL),
    count(*) FILTER (
        WHERE existing.row_number IS NOT NULL
          AND incoming.row_number IS NOT NULL
          AND (existing.given_name, existing.family_name, existing.date_of_birth, existing.place_id)
              IS DISTINCT FROM
              (incoming.given_name, incoming.family_name, incoming.date_of_birth, incoming.place_id)
    ),
    count(*) FILTER (WHERE incoming.row_number IS NULL)
FROM people_incoming AS incoming
FULL JOIN (
    SELECT *
    FROM people
    WHERE source_id = %(source_id)s
      AND row_number >= %(first_row)s
      AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s)
) AS existing USING (source_id, row_number);
