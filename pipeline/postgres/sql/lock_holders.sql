-- The locks that the session `pid` waits for, with the sessions that hold it up; all of them visible to every role.
SELECT
    CASE waiting.locktype
        WHEN 'relation' THEN 'table ' || waiting.relation::regclass
        WHEN 'transactionid' THEN 'a row'
        WHEN 'tuple' THEN 'a row of ' || waiting.relation::regclass
        ELSE 'a lock of type ' || waiting.locktype
    END,
    holder.pid,
    activity.application_name,
    activity.usename
FROM pg_locks AS waiting
CROSS JOIN unnest(pg_blocking_pids(waiting.pid)) AS holder (pid)
LEFT JOIN pg_stat_activity AS activity ON activity.pid = holder.pid
WHERE waiting.pid = %(pid)s AND NOT waiting.granted
