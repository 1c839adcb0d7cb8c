-- What is special about places: a row of places.csv becomes a row in each of three tables. These statements stand in
-- place of those of the same names in shared.sql, and read the same temporary tables.

-- name: decide
-- Enters the deciding listings into countries, counties and places; returns how many of the incoming cities are new, and
-- how many have another county now.
INSERT INTO countries (name)
SELECT DISTINCT country
FROM {deciding}
WHERE NOT EXISTS (SELECT FROM countries WHERE name = country)
ORDER BY country
ON CONFLICT (name) DO NOTHING;

INSERT INTO counties (country_id, name)
SELECT DISTINCT countries.id, county
FROM {deciding}
JOIN countries ON countries.name = country
WHERE NOT EXISTS (SELECT FROM counties WHERE counties.country_id = countries.id AND counties.name = county)
ORDER BY countries.id, county
ON CONFLICT (country_id, name) DO NOTHING;

WITH decided AS (
    SELECT city, counties.id AS county_id, load_id, _is_incoming
    FROM {deciding}
    JOIN countries ON countries.name = country
    JOIN counties ON counties.country_id = countries.id AND counties.name = county
), written AS (
    INSERT INTO places (city, county_id, listed_by_load)
    SELECT city, county_id, load_id FROM decided
    ON CONFLICT (city) DO UPDATE SET
        county_id = excluded.county_id,
        listed_by_load = excluded.listed_by_load
    WHERE (places.county_id, places.listed_by_load) <> (excluded.county_id, excluded.listed_by_load)
    RETURNING city, xmax = 0 AS is_new   -- xmax is 0 in a row version that replaced none
)
SELECT
    count(*) FILTER (WHERE is_new),
    count(*) FILTER (WHERE NOT is_new AND before.county_id <> decided.county_id)
FROM decided
JOIN written USING (city)
LEFT JOIN places AS before USING (city)   -- as they were before this statement
WHERE _is_incoming;

-- name: remove_unlisted
-- Removes the places that no source lists any more, counties without a place, and countries without a county; returns how
-- many places were removed.
CREATE TEMPORARY TABLE IF NOT EXISTS removed_places (city text NOT NULL) ON COMMIT DELETE ROWS;
DELETE FROM removed_places;   -- several sources may be forgotten in one transaction

WITH removed AS (
    DELETE FROM places
    WHERE city IN (SELECT city FROM {unlisted} EXCEPT SELECT city FROM {deciding})
    RETURNING city
)
INSERT INTO removed_places SELECT city FROM removed;

DELETE FROM counties WHERE NOT EXISTS (SELECT FROM places WHERE county_id = counties.id);

DELETE FROM countries WHERE NOT EXISTS (SELECT FROM counties WHERE country_id = countries.id);

SELECT count(*) FROM removed_places;
