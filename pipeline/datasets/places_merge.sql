-- Returns how many places were inserted and updated from places_incoming.
-- Everywhere in the order of names, so that two workers with the same names cannot deadlock.
INSERT INTO countries (name)
SELECT DISTINCT country
FROM places_incoming
WHERE NOT EXISTS (SELECT FROM countries WHERE name = country)
ORDER BY country
ON CONFLICT (name) DO NOTHING;

INSERT INTO counties (country_id, name)
SELECT DISTINCT countries.id, county
FROM places_incoming
JOIN countries ON countries.name = country
WHERE NOT EXISTS (SELECT FROM counties WHERE counties.country_id = countries.id AND counties.name = county)
ORDER BY countries.id, county
ON CONFLICT (country_id, name) DO NOTHING;

WITH resolved AS (
    SELECT places_incoming.city, counties.id AS county_id
    FROM places_incoming
    JOIN countries ON countries.name = places_incoming.country
    JOIN counties ON counties.country_id = countries.id AND counties.name = places_incoming.county
), corrected AS (
    SELECT count(*) AS places
    FROM resolved
    JOIN places ON places.city = resolved.city
    WHERE places.county_id <> resolved.county_id
), written AS (
    INSERT INTO places (city, county_id, listed_by_load)
    SELECT city, county_id, %(load)s FROM resolved ORDER BY city
    ON CONFLICT (city) DO UPDATE SET
        county_id = excluded.county_id,
        listed_by_load = excluded.listed_by_load
    RETURNING (xmax = 0) AS is_new   -- xmax is 0 in a row version that replaced none
)
SELECT (SELECT count(*) FROM written WHERE is_new), corrected.places
FROM corrected;
