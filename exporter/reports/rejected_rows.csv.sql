-- Every rejected row: where it stands, all rules that it breaks, and its text.
SELECT sources.name AS source, row_number, line, reason, raw
FROM rejected_rows
JOIN sources ON sources.id = source_id
ORDER BY sources.name COLLATE "C", row_number;
