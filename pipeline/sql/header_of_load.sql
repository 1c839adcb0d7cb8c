-- Returns the columns and the delimiter of a load.
SELECT columns, delimiter FROM loads WHERE id = %(load)s;
