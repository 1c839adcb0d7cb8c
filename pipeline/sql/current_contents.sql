-- Returns the name of each source with the SHA-256 of its current load.
SELECT sources.name, current_loads.sha256
FROM current_loads
JOIN sources ON sources.id = current_loads.source_id;
