-- Removes what a source says of places, and the places that no other source lists. Returns how many places were removed.
-- Of the others, the newest current load that lists a city decides.
WITH unlisted AS (
    DELETE FROM places_listings WHERE source_id = %(source_id)s RETURNING city
), deciding AS (
    SELECT DISTINCT ON (city) city, counties.id AS county_id, places_listings.load_id
    FROM unlisted
    JOIN places_listings USING (city)
    JOIN countries ON countries.name = places_listings.country
    JOIN counties ON counties.country_id = countries.id AND counties.name = places_listings.county
    JOIN loads ON loads.id = (SELECT max(id) FROM loads WHERE loads.source_id = places_listings.source_id)
    WHERE places_listings.source_id <> %(source_id)s
    ORDER BY city, (places_listings.load_id = loads.id) DESC, places_listings.load_id DESC
), decided AS (
    UPDATE places
    SET county_id = deciding.county_id,
        listed_by_load = deciding.load_id
    FROM deciding
    WHERE places.city = deciding.city
), removed AS (
    DELETE FROM places
    WHERE city IN (SELECT city FROM unlisted EXCEPT SELECT city FROM deciding)
    RETURNING 1
)
SELECT count(*) FROM removed;
