-- Returns the id of this database.
SELECT id::text FROM installation;
