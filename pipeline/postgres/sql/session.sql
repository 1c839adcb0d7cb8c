-- Settings of each connection: no session waits for ever, and a process that has vanished holds no locks.
SET lock_timeout = '20s';
SET idle_in_transaction_session_timeout = '30s';
SET tcp_keepalives_idle = 4;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '10s';  -- keepalives do not count while an answer is under way
-- Values as text, in reports too: the same for every role and database. As pg_dump has them.
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
-- A statement that waits for a lock ends when its client is gone. Not every system's server can tell.
DO $$
BEGIN
    SET client_connection_check_interval = '1s';
EXCEPTION WHEN OTHERS THEN
    NULL;
END
$$;
