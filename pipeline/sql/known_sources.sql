-- Returns each source that has a load: name, id, dataset, encoding given by the user; and of its current load id, SHA-256,
-- encoding and number of rows. SHA-256 is NULL where seal.sql would not go on with the load.
SELECT
    sources.name, sources.id, sources.dataset, sources.encoding,
    current_loads.id,
    CASE
        WHEN current_loads.encoding IS NOT NULL
            OR NOT EXISTS (
                SELECT FROM load_chunks WHERE load_id = current_loads.id AND coalesce(rejected, 1) > 0
            )
        THEN current_loads.sha256
    END,
    current_loads.encoding, current_loads.row_count
FROM sources
JOIN current_loads ON current_loads.source_id = sources.id;
