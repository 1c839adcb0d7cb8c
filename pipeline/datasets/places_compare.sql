-- Returns how many places would be inserted and updated from places_incoming, and enters them into the preview.
WITH before AS (
    SELECT city, county, country FROM places_previewed
    UNION ALL
    SELECT places.city, counties.name, countries.name
    FROM places
    JOIN counties ON counties.id = places.county_id
    JOIN countries ON countries.id = counties.country_id
    WHERE NOT EXISTS (SELECT FROM places_previewed WHERE places_previewed.city = places.city)
), entered AS (
    INSERT INTO places_previewed (city, county, country, source)
    SELECT city, county, country, %(source)s FROM places_incoming
    ON CONFLICT (city) DO UPDATE SET
        county = excluded.county,
        country = excluded.country,
        source = excluded.source
)
SELECT
    count(*) FILTER (WHERE before.city IS NULL),
    count(*) FILTER (WHERE (before.county, before.country) <> (incoming.county, incoming.country))
FROM places_incoming AS incoming
LEFT JOIN before USING (city);
