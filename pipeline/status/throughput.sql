-- How fast the last run of loading went. Reads only.

-- name: throughput
-- Returns up to %(intervals)s equal intervals of the last run of loading, in order: begin, seconds, rows committed. A run of
-- loading ends where no chunk is loaded for %(pause)s seconds. The rows of a chunk count evenly over the time that it took.
WITH chunks AS (
    SELECT committed_at AS began_at, committed_at + seconds * interval '1 s' AS ended_at, seconds, row_count
    FROM load_chunks
    WHERE worker IS NOT NULL AND seconds > 0
), after_pauses AS (
    SELECT
        *,
        began_at > max(ended_at) OVER (
            ORDER BY began_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) + %(pause)s * interval '1 s' AS is_after_pause
    FROM chunks
), last_run AS (
    SELECT *
    FROM after_pauses
    WHERE began_at >= (SELECT coalesce(max(began_at) FILTER (WHERE is_after_pause), min(began_at)) FROM after_pauses)
), whole AS (
    SELECT min(began_at) AS began_at, EXTRACT(epoch FROM max(ended_at) - min(began_at))::float8 AS seconds
    FROM last_run
    HAVING count(*) > 0   -- no row rather than NULLs, which least() would take for the largest number
), steps AS (
    SELECT began_at, seconds, least(%(intervals)s, ceil(seconds / %(shortest)s))::integer AS count
    FROM whole
), intervals AS (
    SELECT
        began_at + number * seconds / count * interval '1 s' AS began_at,
        began_at + (number + 1) * seconds / count * interval '1 s' AS ended_at,
        seconds / count AS seconds
    FROM steps
    CROSS JOIN LATERAL generate_series(0, count - 1) AS number
)
SELECT
    intervals.began_at,
    intervals.seconds,
    coalesce(sum(
        last_run.row_count / last_run.seconds
        * EXTRACT(epoch FROM least(last_run.ended_at, intervals.ended_at) - greatest(last_run.began_at, intervals.began_at))
    ), 0)::float8
FROM intervals
LEFT JOIN last_run ON last_run.began_at < intervals.ended_at AND last_run.ended_at > intervals.began_at
GROUP BY intervals.began_at, intervals.seconds
ORDER BY intervals.began_at;
