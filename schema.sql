-- The whole database: reference data, people, the ledger, the rejected rows, and who may do what with them.
-- Repeatable: right on an empty database, on a full one, on one of an earlier version, and from several processes at once.
-- Tables of other datasets are made from their descriptions, by `pipeline schema`; see pipeline/tables/ddl.py.

BEGIN;

-- Grows with each change that an earlier pipeline would not know of. Version 1 is that of databases which tell none.
SET LOCAL pipeline.schema_version = 2;

SET LOCAL client_min_messages = warning;   -- no notices about what exists already

-- CREATE ... IF NOT EXISTS is not safe against itself running elsewhere; one at a time is.
SELECT pg_advisory_xact_lock(hashtext('pipeline schema'));

-- The database itself ----------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS installation (
    only_row       boolean NOT NULL DEFAULT true,
    id             uuid NOT NULL DEFAULT gen_random_uuid(),
    schema_sha256  text,
    schema_roles   text[],
    schema_version integer,
    CONSTRAINT installation_pkey PRIMARY KEY (only_row),
    CONSTRAINT installation_only_row CHECK (only_row)
);

-- Asked for first, here and below: ALTER TABLE waits for every transaction on the table, also where nothing is to be added.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'installation'::regclass AND attname = 'schema_version') THEN
        ALTER TABLE installation ADD COLUMN schema_version integer;
    END IF;
    IF (SELECT schema_version FROM installation) > current_setting('pipeline.schema_version')::integer THEN
        RAISE EXCEPTION 'the tables are of version % of the schema, which is newer than version % here',
            (SELECT schema_version FROM installation), current_setting('pipeline.schema_version')
            USING HINT = 'Use the newer pipeline, or another database.';
    END IF;
END
$$;

COMMENT ON TABLE installation IS 'One row: which database this is, and which schema.sql it has.';
COMMENT ON COLUMN installation.id IS 'Part of each job, so that workers of another database refuse it.';
COMMENT ON COLUMN installation.schema_sha256 IS 'Of the schema.sql applied last; NULL until it was applied whole.';
COMMENT ON COLUMN installation.schema_roles IS 'The roles of stages that existed then and were granted their rights.';
COMMENT ON COLUMN installation.schema_version IS 'Of the schema.sql applied last; an older one is refused.';

INSERT INTO installation DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Reference data ---------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS countries (
    id   integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    CONSTRAINT countries_pkey PRIMARY KEY (id),
    CONSTRAINT countries_name_key UNIQUE (name),
    CONSTRAINT countries_name_length CHECK (char_length(name) BETWEEN 1 AND 200)
);
COMMENT ON TABLE countries IS 'Countries named by places files; added, never removed.';

CREATE TABLE IF NOT EXISTS counties (
    id         integer GENERATED ALWAYS AS IDENTITY,
    country_id integer NOT NULL,
    name       text NOT NULL,
    CONSTRAINT counties_pkey PRIMARY KEY (id),
    CONSTRAINT counties_country_id_name_key UNIQUE (country_id, name),
    CONSTRAINT counties_country_id_fkey FOREIGN KEY (country_id) REFERENCES countries (id),
    CONSTRAINT counties_name_length CHECK (char_length(name) BETWEEN 1 AND 200)
);
COMMENT ON TABLE counties IS 'Counties, each within one country; added, never removed.';

CREATE TABLE IF NOT EXISTS places (
    id             integer GENERATED ALWAYS AS IDENTITY,
    city           text NOT NULL,
    county_id      integer NOT NULL,
    listed_by_load bigint NOT NULL,
    CONSTRAINT places_pkey PRIMARY KEY (id),
    CONSTRAINT places_city_key UNIQUE (city),
    CONSTRAINT places_county_id_fkey FOREIGN KEY (county_id) REFERENCES counties (id),
    CONSTRAINT places_city_length CHECK (char_length(city) BETWEEN 1 AND 200)
);
COMMENT ON TABLE places IS 'Places that people refer to by city; added and corrected, never removed.';
COMMENT ON COLUMN places.city IS 'Natural key, trimmed and in Unicode NFC: what place_of_birth in a people file names.';
COMMENT ON COLUMN places.listed_by_load IS 'The newest load that lists the city; history, so that load may be forgotten by now.';

-- Ledger -----------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS sources (
    id       integer GENERATED ALWAYS AS IDENTITY,
    name     text NOT NULL,
    dataset  text NOT NULL,
    encoding text,
    CONSTRAINT sources_pkey PRIMARY KEY (id),
    CONSTRAINT sources_name_key UNIQUE (name)
);
COMMENT ON TABLE sources IS 'Files by the name they have within the data folder.';
COMMENT ON COLUMN sources.name IS 'Such as people.csv; the same name from another folder is a new version of this source.';
COMMENT ON COLUMN sources.dataset IS 'What kind of rows the source holds, such as people.';

CREATE TABLE IF NOT EXISTS descriptions (
    sha256  text NOT NULL,
    content text NOT NULL,
    CONSTRAINT descriptions_pkey PRIMARY KEY (sha256),
    CONSTRAINT descriptions_sha256_of_content CHECK (sha256 = encode(sha256(convert_to(content, 'UTF8')), 'hex'))
);
COMMENT ON TABLE descriptions IS 'What datasets were described as when files of theirs were loaded; never changed.';
COMMENT ON COLUMN descriptions.content IS 'Canonical JSON, the same for the same description.';

CREATE TABLE IF NOT EXISTS datasets (
    name         text NOT NULL,
    table_schema text NOT NULL,
    table_name   text NOT NULL,
    structure    jsonb NOT NULL,
    keys_freed_at timestamptz,
    own_sql      jsonb,
    CONSTRAINT datasets_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE datasets IS 'Datasets that `pipeline schema` has made or adopted the tables of.';
COMMENT ON COLUMN datasets.name IS 'Of the resource in datapackage.json.';
COMMENT ON COLUMN datasets.table_name IS 'Its own table, which reports read; structure names all that were made for it.';
COMMENT ON COLUMN datasets.keys_freed_at IS 'When a key of it last became free: rows that were rejected for it are loaded again.';
COMMENT ON COLUMN datasets.structure IS 'What the tables were made from; a new description is compared with it.';

CREATE TABLE IF NOT EXISTS loads (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    source_id   integer NOT NULL,
    sha256      text NOT NULL,
    columns     text[] NOT NULL,
    delimiter   text NOT NULL,
    row_count   bigint NOT NULL,
    chunk_count integer NOT NULL,
    sealed_at   timestamptz NOT NULL DEFAULT now(),
    encoding    text,
    description_sha256 text,
    keeps_rows  boolean NOT NULL DEFAULT false,
    remote_version text,
    read_from   text,
    CONSTRAINT loads_pkey PRIMARY KEY (id),
    CONSTRAINT loads_source_id_id_key UNIQUE (source_id, id),   -- serves current_loads
    CONSTRAINT loads_source_id_fkey FOREIGN KEY (source_id) REFERENCES sources (id),
    CONSTRAINT loads_description_sha256_fkey FOREIGN KEY (description_sha256) REFERENCES descriptions (sha256),
    CONSTRAINT loads_sha256_form CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT loads_row_count_positive CHECK (row_count >= 0),
    CONSTRAINT loads_chunk_count_positive CHECK (chunk_count >= 1)
);
COMMENT ON TABLE loads IS 'Versions of a source''s content, written whole by the producer before a row is queued (sealed).';
COMMENT ON COLUMN loads.id IS 'Grows with time: the highest of a source is its current load and supersedes the others.';
COMMENT ON COLUMN loads.sha256 IS 'Of the bytes of the file, decompressed and converted to UTF-8.';
COMMENT ON COLUMN loads.columns IS 'Names of the header, in the order of the file.';
COMMENT ON COLUMN loads.delimiter IS 'Between fields, as the header or a line sep=; above it shows: one ASCII character.';
COMMENT ON COLUMN loads.row_count IS 'Data rows in the file, good and bad; header and blank lines do not count.';

CREATE TABLE IF NOT EXISTS load_chunks (
    load_id      bigint NOT NULL,
    number       integer NOT NULL,
    first_row    bigint NOT NULL,
    row_count    integer NOT NULL,
    first_line   bigint NOT NULL,
    byte_offset  bigint NOT NULL,
    byte_count   integer NOT NULL,
    sha256       text NOT NULL,
    reopened     integer NOT NULL DEFAULT 0,
    committed_at timestamptz,
    inserted     integer,
    updated      integer,
    unchanged    integer,
    rejected     integer,
    deleted      integer,
    worker       text,
    seconds      real,
    retries      integer,
    CONSTRAINT load_chunks_pkey PRIMARY KEY (load_id, number),
    CONSTRAINT load_chunks_load_id_fkey FOREIGN KEY (load_id) REFERENCES loads (id) ON DELETE CASCADE,
    CONSTRAINT load_chunks_position CHECK (number >= 1 AND first_row >= 1 AND row_count >= 0 AND first_line >= 1),
    CONSTRAINT load_chunks_sha256_form CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- Promise 2, every row is accounted for, held by the database itself.
    CONSTRAINT load_chunks_reconcile CHECK (
        CASE WHEN committed_at IS NULL
            THEN num_nonnulls(inserted, updated, unchanged, rejected) = 0 AND (deleted IS NULL OR reopened > 0)
            ELSE num_nulls(inserted, updated, unchanged, rejected, deleted) = 0
                 AND inserted + updated + unchanged + rejected = row_count
        END
    )
);
COMMENT ON TABLE load_chunks IS 'The plan of a load, and what became of each chunk of it.';
COMMENT ON COLUMN load_chunks.number IS 'From 1; the last chunk of a load also stands for all rows after it.';
COMMENT ON COLUMN load_chunks.first_row IS 'Row number of the first row, from 1, header not counted.';
COMMENT ON COLUMN load_chunks.first_line IS 'Physical line of the first row; the header begins on line 1.';
COMMENT ON COLUMN load_chunks.byte_offset IS 'Where the chunk begins in the file.';
COMMENT ON COLUMN load_chunks.sha256 IS 'Of the bytes of the chunk: neither producer nor worker takes others for it.';
COMMENT ON COLUMN load_chunks.reopened IS 'How often the chunk was made missing again to resolve its rejected rows.';
COMMENT ON COLUMN load_chunks.committed_at IS 'Set as its rows are written, or as the load is sealed if they are there; NULL while it is missing.';
COMMENT ON COLUMN load_chunks.deleted IS 'Rows of an earlier version that the load removed, also before the chunk was reopened; not part of the reconciliation.';

-- What databases of earlier versions lack.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'loads'::regclass AND attname = 'encoding') THEN
        ALTER TABLE sources ADD COLUMN encoding text;
        ALTER TABLE loads ADD COLUMN encoding text;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'loads'::regclass AND attname = 'description_sha256') THEN
        ALTER TABLE loads ADD COLUMN description_sha256 text;
        ALTER TABLE loads ADD CONSTRAINT loads_description_sha256_fkey
            FOREIGN KEY (description_sha256) REFERENCES descriptions (sha256);
    END IF;
    IF EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'load_chunks'::regclass AND attname = 'job_group' AND NOT attisdropped
    ) THEN
        ALTER TABLE load_chunks DROP COLUMN job_group;   -- which jobs chunks travel in, the queue knows alone
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'loads'::regclass AND attname = 'keeps_rows') THEN
        ALTER TABLE loads ADD COLUMN keeps_rows boolean NOT NULL DEFAULT false;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'datasets'::regclass AND attname = 'own_sql') THEN
        ALTER TABLE datasets ADD COLUMN own_sql jsonb;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'load_chunks'::regclass AND attname = 'seconds') THEN
        ALTER TABLE load_chunks ADD COLUMN worker text, ADD COLUMN seconds real;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'load_chunks'::regclass AND attname = 'retries') THEN
        ALTER TABLE load_chunks ADD COLUMN retries integer;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'load_chunks'::regclass AND attname = 'line_count') THEN
        ALTER TABLE load_chunks ADD COLUMN line_count integer;
    END IF;
    -- A reopened chunk lost its count of deleted rows.
    IF (
        SELECT pg_get_constraintdef(oid) NOT LIKE '%reopened%'
        FROM pg_constraint
        WHERE conrelid = 'load_chunks'::regclass AND conname = 'load_chunks_reconcile'
    ) THEN
        ALTER TABLE load_chunks
            DROP CONSTRAINT load_chunks_reconcile,
            ADD CONSTRAINT load_chunks_reconcile CHECK (
                CASE WHEN committed_at IS NULL
                    THEN num_nonnulls(inserted, updated, unchanged, rejected) = 0 AND (deleted IS NULL OR reopened > 0)
                    ELSE num_nulls(inserted, updated, unchanged, rejected, deleted) = 0
                         AND inserted + updated + unchanged + rejected = row_count
                END
            );
    END IF;
    IF to_regclass('load_chunks_missing') IS NULL THEN
        CREATE INDEX load_chunks_missing ON load_chunks (load_id, number) WHERE committed_at IS NULL;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'loads'::regclass AND attname = 'remote_version') THEN
        ALTER TABLE loads ADD COLUMN remote_version text;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'loads'::regclass AND attname = 'read_from') THEN
        ALTER TABLE loads ADD COLUMN read_from text;
    END IF;
    IF to_regclass('loads_keeping_rows') IS NULL THEN
        CREATE INDEX loads_keeping_rows ON loads (id) WHERE keeps_rows;
    END IF;
END
$$;
COMMENT ON INDEX load_chunks_missing IS 'Serves the drain and the query missing_chunks: only missing chunks stand in it.';
COMMENT ON INDEX loads_keeping_rows IS 'Serves the query removing, asked before each chunk whose rows name rows that can go.';
COMMENT ON COLUMN sources.encoding IS 'As the user gave it with --encoding; NULL: UTF-8, or UTF-16 if the file begins with its mark.';
COMMENT ON COLUMN datasets.own_sql IS 'SHA-256 of the SQL of its own, and the tables that this made; NULL without any.';
COMMENT ON COLUMN loads.encoding IS 'That the file was read in; NULL in loads from before it was recorded.';
COMMENT ON COLUMN load_chunks.line_count IS 'Physical lines up to its last row: as many as rows, where each line is a row; NULL in chunks from before it was recorded.';
COMMENT ON COLUMN load_chunks.worker IS 'Name of the worker that committed the chunk: host, process id and a random suffix; NULL if none had to.';
COMMENT ON COLUMN load_chunks.seconds IS 'From the begin of the transaction that committed the chunk to its end.';
COMMENT ON COLUMN load_chunks.retries IS 'Attempts before the one that committed the chunk, after transient errors; NULL as for worker.';
COMMENT ON COLUMN loads.read_from IS 'Path of the file, where the producer had it in a folder.';
COMMENT ON COLUMN loads.remote_version IS 'SHA-256 of a file''s URL and version, as a server tells it: it is not read again; NULL where none does.';
COMMENT ON COLUMN loads.keeps_rows IS 'Whether rows are there that the load does not list: until the last missing chunk of the dataset, or while others refer to them.';
COMMENT ON COLUMN loads.description_sha256 IS 'Of the description that its rows are checked by; NULL in loads from before it was recorded.';

CREATE TABLE IF NOT EXISTS chunk_texts (
    load_id bigint NOT NULL,
    number  integer NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT chunk_texts_pkey PRIMARY KEY (load_id, number),
    CONSTRAINT chunk_texts_load_id_number_fkey FOREIGN KEY (load_id, number)
        REFERENCES load_chunks (load_id, number) ON DELETE CASCADE
);
COMMENT ON TABLE chunk_texts IS 'Chunks of datasets with keys, kept as long as it is not decided which row has which key.';

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'chunk_texts'::regclass AND attname = 'lines') THEN
        ALTER TABLE chunk_texts ADD COLUMN lines bytea;
        ALTER TABLE chunk_texts ALTER COLUMN lines SET STORAGE EXTERNAL;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'chunk_texts'::regclass AND attname = 'is_kept_aside') THEN
        ALTER TABLE chunk_texts ADD COLUMN is_kept_aside boolean NOT NULL GENERATED ALWAYS AS (lines IS NOT NULL) STORED;
    END IF;
    -- Written once and read at most once: not worth compressing.
    IF (SELECT attstorage <> 'e' FROM pg_attribute WHERE attrelid = 'chunk_texts'::regclass AND attname = 'content') THEN
        ALTER TABLE chunk_texts ALTER COLUMN content SET STORAGE EXTERNAL;
    END IF;
END
$$;

COMMENT ON COLUMN chunk_texts.lines IS 'The good rows, of a dataset whose keys are settled when all chunks are there.';
COMMENT ON COLUMN chunk_texts.is_kept_aside IS 'Whether the good rows wait to be settled; for stages that may not read them.';

-- Which load is the current one is looked up per source: a source has up to 100 loads, and reading them all cost
-- more than the rest of a query.
CREATE OR REPLACE VIEW current_loads AS
SELECT newest.*
FROM sources
CROSS JOIN LATERAL (
    SELECT * FROM loads WHERE loads.source_id = sources.id ORDER BY loads.id DESC LIMIT 1
) AS newest;
COMMENT ON VIEW current_loads IS 'The newest load of each source; chunks of other loads change nothing any more.';

CREATE OR REPLACE VIEW load_progress AS
SELECT
    loads.id AS load_id,
    sources.name AS source,
    sources.dataset,
    loads.sha256,
    loads.sealed_at,
    max(load_chunks.committed_at) AS last_committed_at,
    loads.row_count,
    loads.chunk_count,
    count(load_chunks.committed_at)::integer AS committed_chunks,
    coalesce(sum(load_chunks.row_count) FILTER (WHERE load_chunks.committed_at IS NOT NULL), 0)::bigint AS committed_rows,
    coalesce(sum(load_chunks.inserted), 0)::bigint AS inserted,
    coalesce(sum(load_chunks.updated), 0)::bigint AS updated,
    coalesce(sum(load_chunks.unchanged), 0)::bigint AS unchanged,
    coalesce(sum(load_chunks.rejected), 0)::bigint AS rejected,
    coalesce(sum(load_chunks.deleted), 0)::bigint AS deleted,
    count(load_chunks.committed_at) = loads.chunk_count AS complete,
    loads.id IN (SELECT id FROM current_loads) AS current
FROM loads
JOIN sources ON sources.id = loads.source_id
JOIN load_chunks ON load_chunks.load_id = loads.id
GROUP BY loads.id, sources.id;
COMMENT ON VIEW load_progress IS 'One row per load: how far it is and what became of its rows.';

-- Rows -------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS places_listings (
    city       text NOT NULL,
    county     text NOT NULL,
    country    text NOT NULL,
    source_id  integer NOT NULL,
    row_number bigint NOT NULL,
    load_id    bigint NOT NULL,
    outcome    "char" NOT NULL,
    CONSTRAINT places_listings_pkey PRIMARY KEY (city, source_id),
    CONSTRAINT places_listings_row_number_positive CHECK (row_number >= 1),
    CONSTRAINT places_listings_outcome_known CHECK (outcome IN ('i', 'u', '=')),
    CONSTRAINT places_listings_city_min_length CHECK (char_length(city) >= 1),
    CONSTRAINT places_listings_city_max_length CHECK (char_length(city) <= 200),
    CONSTRAINT places_listings_county_min_length CHECK (char_length(county) >= 1),
    CONSTRAINT places_listings_county_max_length CHECK (char_length(county) <= 200),
    CONSTRAINT places_listings_country_min_length CHECK (char_length(country) >= 1),
    CONSTRAINT places_listings_country_max_length CHECK (char_length(country) <= 200)
);

-- What each source says of a city was kept in place_listings, and in version 0.1.0 nowhere: it knew of each place the
-- load that listed it last. The rows are numbered again, since neither had the numbers.
DO $$
BEGIN
    IF to_regclass('places_listings_source_id_idx') IS NULL THEN
        CREATE INDEX places_listings_source_id_idx ON places_listings (source_id);
    END IF;
    IF to_regclass('place_listings') IS NOT NULL THEN
        INSERT INTO places_listings (city, county, country, source_id, row_number, load_id, outcome)
        SELECT city, counties.name, countries.name, source_id,
            row_number() OVER (PARTITION BY source_id ORDER BY city), load_id, '='
        FROM place_listings
        JOIN counties ON counties.id = place_listings.county_id
        JOIN countries ON countries.id = counties.country_id
        ON CONFLICT DO NOTHING;
        DROP TABLE place_listings;
    ELSIF (SELECT schema_version IS NULL FROM installation) THEN
        INSERT INTO places_listings (city, county, country, source_id, row_number, load_id, outcome)
        SELECT city, counties.name, countries.name, source_id,
            row_number() OVER (PARTITION BY source_id ORDER BY city), loads.id, '='
        FROM places
        JOIN loads ON loads.id = places.listed_by_load
        JOIN counties ON counties.id = places.county_id
        JOIN countries ON countries.id = counties.country_id;
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS people (
    source_id     integer NOT NULL,
    row_number    bigint NOT NULL,
    given_name    text NOT NULL,
    family_name   text NOT NULL,
    date_of_birth date NOT NULL,
    place_id      integer NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (source_id, row_number),   -- serves the upsert and the range of a chunk
    CONSTRAINT people_place_id_fkey FOREIGN KEY (place_id) REFERENCES places (id),
    CONSTRAINT people_given_name_min_length CHECK (char_length(given_name) >= 1),
    CONSTRAINT people_given_name_max_length CHECK (char_length(given_name) <= 200),
    CONSTRAINT people_family_name_min_length CHECK (char_length(family_name) >= 1),
    CONSTRAINT people_family_name_max_length CHECK (char_length(family_name) <= 200),
    CONSTRAINT people_date_of_birth_minimum CHECK (date_of_birth >= DATE '0001-01-01'),
    CONSTRAINT people_row_number_positive CHECK (row_number >= 1)
);

DO $$
BEGIN
    -- In databases of version 1 the rules have other names.
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'people'::regclass AND conname = 'people_given_name_length') THEN
        ALTER TABLE people
            DROP CONSTRAINT people_given_name_length,
            DROP CONSTRAINT people_family_name_length,
            DROP CONSTRAINT people_date_of_birth_era,
            ADD CONSTRAINT people_given_name_min_length CHECK (char_length(given_name) >= 1),
            ADD CONSTRAINT people_given_name_max_length CHECK (char_length(given_name) <= 200),
            ADD CONSTRAINT people_family_name_min_length CHECK (char_length(family_name) >= 1),
            ADD CONSTRAINT people_family_name_max_length CHECK (char_length(family_name) <= 200),
            ADD CONSTRAINT people_date_of_birth_minimum CHECK (date_of_birth >= DATE '0001-01-01');
    END IF;
    -- Until `pipeline schema` adopts them: from then on both tables are as datapackage.json describes them.
    IF NOT EXISTS (SELECT FROM datasets WHERE name = 'places') THEN
        COMMENT ON TABLE places_listings IS
            'What each source says of a row of places; where they differ, the newest current load decides.';
        COMMENT ON INDEX places_listings_source_id_idx IS
            'Serves forgetting a source, and finding the rows that are gone from its file.';
    END IF;
    IF NOT EXISTS (SELECT FROM datasets WHERE name = 'people') THEN
        COMMENT ON TABLE people IS 'One row for each good row of each people file: a person is the row that records them.';
        COMMENT ON COLUMN people.source_id IS 'The file; see sources.';
        COMMENT ON COLUMN people.row_number IS 'Position in the file, from 1, header not counted.';
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS rejected_rows (
    source_id  integer NOT NULL,
    row_number bigint NOT NULL,
    line       bigint NOT NULL,
    reason     text NOT NULL,
    kinds      text[] NOT NULL,
    raw        text NOT NULL,
    CONSTRAINT rejected_rows_pkey PRIMARY KEY (source_id, row_number),
    CONSTRAINT rejected_rows_source_id_fkey FOREIGN KEY (source_id) REFERENCES sources (id)
);
COMMENT ON TABLE rejected_rows IS 'Rows that break a rule of their dataset, as they stand in the current version of the file.';
COMMENT ON COLUMN rejected_rows.line IS 'Physical line on which the row begins; the header begins on line 1.';
COMMENT ON COLUMN rejected_rows.reason IS 'Every rule that the row breaks, separated by semicolons.';
COMMENT ON COLUMN rejected_rows.kinds IS 'The rules alone, without the row''s values, to count by.';
COMMENT ON COLUMN rejected_rows.raw IS 'The row as it stands in the file; NULs and bytes that are not UTF-8 as \x and two digits.';

-- Rights -----------------------------------------------------------------------------------------
-- A role for each stage, with the rights that its statements need and no others. Nobody can log in as one unless
-- STAGE_PASSWORD is set; other users are made members of one. Roles belong to the whole cluster: one may be there
-- already, be in the making from another database, or be another's to create. Those that are there get their rights.

DO $$
DECLARE
    stage text;
BEGIN
    FOREACH stage IN ARRAY ARRAY[
        'pipeline_producer', 'pipeline_worker', 'pipeline_exporter', 'pipeline_monitor'
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I', stage);
            IF stage = 'pipeline_worker' THEN
                -- Lets workers check the key from people to places once a chunk; see docs/decisions.md. Only now, so
                -- that who revokes it need not do so again. Superusers can grant it, from PostgreSQL 15 on.
                BEGIN
                    GRANT SET ON PARAMETER session_replication_role TO pipeline_worker;
                EXCEPTION WHEN insufficient_privilege OR syntax_error THEN
                    NULL;
                END;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
            NULL;
        END;
        IF to_regrole(stage) IS NOT NULL THEN
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), stage);
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), stage);
        END IF;
    END LOOP;

    IF to_regrole('pipeline_producer') IS NOT NULL THEN
        -- Seals loads, carries over and reopens chunks, compares new versions with the tables, and forgets sources.
        GRANT SELECT, INSERT (name, dataset), UPDATE (name, encoding), DELETE ON sources TO pipeline_producer;
        GRANT SELECT, INSERT (
            source_id, sha256, encoding, columns, delimiter, row_count, chunk_count, description_sha256, read_from
        ), DELETE ON loads TO pipeline_producer;
        GRANT SELECT,
            INSERT (load_id, number, first_row, row_count, first_line, byte_offset, byte_count, sha256, line_count),
            UPDATE (reopened, committed_at, inserted, updated, unchanged, rejected, deleted)
            ON load_chunks TO pipeline_producer;
        GRANT UPDATE (keeps_rows, remote_version) ON loads TO pipeline_producer;
        GRANT SELECT (load_id, number, is_kept_aside), DELETE ON chunk_texts TO pipeline_producer;
        GRANT SELECT ON installation, current_loads, load_progress TO pipeline_producer;
        GRANT SELECT, UPDATE (keys_freed_at) ON datasets TO pipeline_producer;
        GRANT SELECT, INSERT ON descriptions TO pipeline_producer;
        GRANT SELECT, DELETE ON people, places_listings, places, counties, countries TO pipeline_producer;
        GRANT SELECT (source_id), DELETE ON rejected_rows TO pipeline_producer;
        -- Of what several sources list, the others decide when one is forgotten.
        GRANT INSERT (name) ON countries TO pipeline_producer;
        GRANT INSERT (country_id, name) ON counties TO pipeline_producer;
        GRANT INSERT (city, county_id, listed_by_load), UPDATE (county_id, listed_by_load)
            ON places TO pipeline_producer;
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO pipeline_producer', current_database());
    END IF;

    IF to_regrole('pipeline_worker') IS NOT NULL THEN
        -- Fills the plan of a load, but cannot change it.
        GRANT SELECT ON installation, datasets, sources, descriptions, loads, current_loads TO pipeline_worker;
        GRANT SELECT, INSERT, DELETE ON chunk_texts TO pipeline_worker;
        GRANT UPDATE (keys_freed_at) ON datasets TO pipeline_worker;
        GRANT UPDATE (keeps_rows) ON loads TO pipeline_worker;
        GRANT SELECT, UPDATE (committed_at, inserted, updated, unchanged, rejected, deleted, worker, seconds, retries)
            ON load_chunks TO pipeline_worker;
        GRANT SELECT, INSERT (name) ON countries TO pipeline_worker;
        GRANT SELECT, INSERT (country_id, name) ON counties TO pipeline_worker;
        GRANT SELECT, INSERT (city, county_id, listed_by_load), UPDATE (county_id, listed_by_load)
            ON places TO pipeline_worker;
        GRANT SELECT, INSERT, DELETE ON places_listings, people TO pipeline_worker;
        IF NOT EXISTS (SELECT FROM datasets WHERE name = 'places') THEN
            GRANT UPDATE (county, country, row_number, load_id, outcome) ON places_listings TO pipeline_worker;
        END IF;
        IF NOT EXISTS (SELECT FROM datasets WHERE name = 'people') THEN
            GRANT UPDATE (given_name, family_name, date_of_birth, place_id) ON people TO pipeline_worker;
        END IF;
        GRANT SELECT (source_id, row_number), INSERT, DELETE ON rejected_rows TO pipeline_worker;
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO pipeline_worker', current_database());
    END IF;

    IF to_regrole('pipeline_exporter') IS NOT NULL THEN
        -- Reads, for the reports that are there and for those to come.
        GRANT SELECT
            ON installation, datasets, countries, counties, places, places_listings, people, rejected_rows,
                sources, descriptions, loads, load_chunks, current_loads, load_progress
            TO pipeline_exporter;
        GRANT SELECT (load_id, number, is_kept_aside) ON chunk_texts TO pipeline_exporter;
    END IF;

    IF to_regrole('pipeline_monitor') IS NOT NULL THEN
        -- Reads the ledger and the rejected rows, but no rows of datasets.
        GRANT SELECT
            ON installation, datasets, sources, loads, load_chunks, current_loads, load_progress, rejected_rows
            TO pipeline_monitor;
        GRANT SELECT (load_id, number, is_kept_aside) ON chunk_texts TO pipeline_monitor;
    END IF;
END
$$;

UPDATE installation
SET schema_version = current_setting('pipeline.schema_version')::integer
WHERE schema_version IS DISTINCT FROM current_setting('pipeline.schema_version')::integer;

COMMIT;
