-- Adds outcomes to the errors of keys $1, with statuses $2 and times $3; in tenant $4 or (NULL) in any. Nothing is added
-- to requests: the gate has counted those. What is older than $5 dates by hour and $6 by day goes into the totals alone.
-- Cost: three rows for each key and hour. Keys are taken in order and tables as a flush takes them, so that the two
-- cannot deadlock.
WITH counted AS (
    SELECT u.key_id, u.at, (u.status < 500)::integer AS client_errors, (u.status >= 500)::integer AS server_errors
    FROM unnest($1::text[], $2::integer[], $3::timestamptz[]) AS u (key_id, status, at)
    JOIN keys ON keys.id = u.key_id AND ($4::text IS NULL OR keys.tenant = $4)
    WHERE u.status >= 400
), hours AS (
    INSERT INTO usage_hourly AS h (key_id, hour, client_errors, server_errors)
    SELECT key_id, date_trunc('hour', at, 'UTC'), sum(client_errors), sum(server_errors)
    FROM counted WHERE (at AT TIME ZONE 'UTC')::date > utc_today() - $5::integer GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (key_id, hour) DO UPDATE
    SET client_errors = h.client_errors + EXCLUDED.client_errors,
        server_errors = h.server_errors + EXCLUDED.server_errors
), days AS (
    INSERT INTO usage_daily AS d (key_id, date, client_errors, server_errors)
    SELECT key_id, (at AT TIME ZONE 'UTC')::date, sum(client_errors), sum(server_errors)
    FROM counted WHERE (at AT TIME ZONE 'UTC')::date > utc_today() - $6::integer GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (key_id, date) DO UPDATE
    SET client_errors = d.client_errors + EXCLUDED.client_errors,
        server_errors = d.server_errors + EXCLUDED.server_errors
)
INSERT INTO usage_totals AS t (key_id, client_errors, server_errors)
SELECT key_id, sum(client_errors), sum(server_errors) FROM counted GROUP BY 1 ORDER BY 1
ON CONFLICT (key_id) DO UPDATE
SET client_errors = t.client_errors + EXCLUDED.client_errors,
    server_errors = t.server_errors + EXCLUDED.server_errors
