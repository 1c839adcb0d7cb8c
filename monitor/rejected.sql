-- Rejected rows that a search finds. Parameters that are empty find every row; `text` stands in the reason or in the row.

-- name: count
-- Returns their number.
SELECT count(*)
FROM rejected_rows
JOIN sources ON sources.id = source_id
WHERE (%(source)s = '' OR sources.name = %(source)s)
  AND (%(rule)s = '' OR %(rule)s = ANY (kinds))
  AND (%(text)s = '' OR strpos(lower(reason || E'\n' || raw), lower(%(text)s)) > 0);

-- name: rows
-- Returns them, by file and row, after one of them and no more than a limit: source, row number, line, reason, raw text.
SELECT sources.name, row_number, line, reason, raw
FROM rejected_rows
JOIN sources ON sources.id = source_id
WHERE (%(source)s = '' OR sources.name = %(source)s)
  AND (%(rule)s = '' OR %(rule)s = ANY (kinds))
  AND (%(text)s = '' OR strpos(lower(reason || E'\n' || raw), lower(%(text)s)) > 0)
  AND (sources.name COLLATE "C", row_number) > (%(after_source)s COLLATE "C", %(after_row)s)
ORDER BY sources.name COLLATE "C", row_number
LIMIT %(limit)s;
