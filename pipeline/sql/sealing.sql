-- The versions that are to be sealed in this transaction, and the chunks of those that were scanned (the others have
-- no chunk_count). The rest of a row is found out by seal.sql. Empty at the start of each transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS sealing (
    position       integer PRIMARY KEY,
    name           text NOT NULL,
    dataset        text NOT NULL,
    refers_to      text[] NOT NULL,
    carries_over   boolean NOT NULL,
    sha256         text NOT NULL,
    encoding       text NOT NULL,
    given_encoding text,
    columns        text[],
    delimiter      text,
    row_count      bigint,
    chunk_count    integer,
    source_id      integer,
    load_id        bigint,
    is_new         boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE IF NOT EXISTS sealing_chunks (
    position    integer NOT NULL,
    number      integer NOT NULL,
    first_row   bigint NOT NULL,
    row_count   integer NOT NULL,
    first_line  bigint NOT NULL,
    byte_offset bigint NOT NULL,
    byte_count  integer NOT NULL,
    sha256      text NOT NULL
) ON COMMIT DELETE ROWS;

INSERT INTO sealing (
    position, name, dataset, refers_to, carries_over, sha256, encoding, given_encoding,
    columns, delimiter, row_count, chunk_count
)
SELECT
    position, name, dataset, refers_to, carries_over, sha256, encoding, given_encoding,
    columns, delimiter, row_count, chunk_count
FROM json_to_recordset(%(versions)s) AS version (
    position integer, name text, dataset text, refers_to text[], carries_over boolean, sha256 text, encoding text,
    given_encoding text, columns text[], delimiter text, row_count bigint, chunk_count integer
);
