-- Switches the triggers of rows on again, where they are off.
SELECT set_config('session_replication_role', 'origin', true)
WHERE current_setting('session_replication_role') <> 'origin';
