-- Removes counties that no place is in or is said to be in, and countries that have no county.
DELETE FROM counties
WHERE NOT EXISTS (SELECT FROM places WHERE county_id = counties.id)
  AND NOT EXISTS (
      SELECT
      FROM places_listings
      JOIN countries ON countries.name = places_listings.country
      WHERE countries.id = counties.country_id
        AND places_listings.county = counties.name
  );

DELETE FROM countries WHERE NOT EXISTS (SELECT FROM counties WHERE country_id = countries.id);
