-- Returns the id of the source, entering it if it is new.
WITH known AS (
    SELECT id FROM sources WHERE name = %(name)s
), entered AS (
    INSERT INTO sources (name, dataset)
    SELECT %(name)s, %(dataset)s WHERE NOT EXISTS (SELECT FROM known)
    -- Another producer may enter it at the same moment: then take its row.
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING id
)
SELECT id FROM known UNION ALL SELECT id FROM entered;
