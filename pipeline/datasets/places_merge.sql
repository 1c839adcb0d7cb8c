-- Returns how many places were inserted and updated from places_incoming.
-- What each source says of a city is kept in places_listings. The newest of the current loads that list a city decides
-- what places says, in any order of their chunks. So one chunk of places is merged at a time.
SELECT pg_advisory_xact_lock(hashtext('pipeline places'));

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

INSERT INTO places_listings (city, county, country, source_id, row_number, load_id, outcome)
SELECT city, county, country, %(source_id)s, row_number, %(load)s, 'i'
FROM places_incoming
ON CONFLICT (city, source_id) DO UPDATE SET
    county = excluded.county,
    country = excluded.country,
    row_number = excluded.row_number,
    load_id = excluded.load_id,
    outcome = CASE
        WHEN (places_listings.county, places_listings.country) = (excluded.county, excluded.country) THEN '='
        ELSE 'u'
    END::"char";

WITH affected AS (
    SELECT city FROM places_incoming
    UNION
    -- With the last chunk it is known which cities the source does not list any more: another source may decide now.
    SELECT city FROM places_listings WHERE %(is_last)s AND source_id = %(source_id)s AND load_id < %(load)s
), deciding AS (
    SELECT DISTINCT ON (places_listings.city) places_listings.city, counties.id AS county_id, places_listings.load_id
    FROM affected
    JOIN places_listings USING (city)
    JOIN countries ON countries.name = places_listings.country
    JOIN counties ON counties.country_id = countries.id AND counties.name = places_listings.county
    WHERE load_id = (SELECT max(id) FROM loads WHERE loads.source_id = places_listings.source_id)
    ORDER BY places_listings.city, places_listings.load_id DESC
), written AS (
    INSERT INTO places (city, county_id, listed_by_load)
    SELECT city, county_id, load_id FROM deciding
    ON CONFLICT (city) DO UPDATE SET
        county_id = excluded.county_id,
        listed_by_load = excluded.listed_by_load
    WHERE (places.county_id, places.listed_by_load) <> (excluded.county_id, excluded.listed_by_load)
    RETURNING city, xmax = 0 AS is_new   -- xmax is 0 in a row version that replaced none
)
SELECT
    count(*) FILTER (WHERE is_new),
    count(*) FILTER (WHERE NOT is_new AND before.county_id <> deciding.county_id)
FROM places_incoming
JOIN written USING (city)
JOIN deciding USING (city)
LEFT JOIN places AS before USING (city);   -- as they were before this statement
