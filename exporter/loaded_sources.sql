-- Returns the name of each source, and the path that its file was read from (NULL: not known).
SELECT sources.name, current_loads.read_from
FROM sources
LEFT JOIN current_loads ON current_loads.source_id = sources.id;
