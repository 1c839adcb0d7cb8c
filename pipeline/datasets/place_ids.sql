-- Returns all cities with their ids.
SELECT city, id FROM places;
