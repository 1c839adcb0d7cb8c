-- Loads places.csv of the current folder into countries, counties and places, and names people.csv a source.
CREATE TEMPORARY TABLE places_csv (city text, county text, country text);
\copy places_csv FROM 'places.csv' WITH (FORMAT csv, HEADER)

INSERT INTO countries (name)
SELECT DISTINCT country FROM places_csv
ON CONFLICT (name) DO NOTHING;

INSERT INTO counties (country_id, name)
SELECT DISTINCT countries.id, county
FROM places_csv
JOIN countries ON countries.name = country
ON CONFLICT (country_id, name) DO NOTHING;

INSERT INTO places (city, county_id, listed_by_load)
SELECT city, counties.id, 0
FROM places_csv
JOIN countries ON countries.name = country
JOIN counties ON counties.country_id = countries.id AND counties.name = county
ON CONFLICT (city) DO UPDATE SET county_id = excluded.county_id;

INSERT INTO sources (name, dataset) VALUES ('people.csv', 'people')
ON CONFLICT (name) DO NOTHING;
