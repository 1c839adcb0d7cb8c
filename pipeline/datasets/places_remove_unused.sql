-- Removes counties that have no place, and countries that have no county.
DELETE FROM counties
WHERE NOT EXISTS (SELECT FROM places WHERE county_id = counties.id)
  AND NOT EXISTS (SELECT FROM place_listings WHERE county_id = counties.id);

DELETE FROM countries WHERE NOT EXISTS (SELECT FROM counties WHERE country_id = countries.id);
