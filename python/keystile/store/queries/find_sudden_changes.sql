-- Finds the keys of all tenants that changed suddenly: compares each one's last 24 whole hours with the seven UTC
-- dates before the date on which they begin. A key that was made within those dates has no week to be compared with.
-- More requests: at least $1, $2 times the mean day and $3 times the busiest. Fewer: the mean day had at least $1, the
-- mean day had $2 times as many, and the quietest more than $3 times. More errors: at least $1 requests on either side,
-- the rate is $4 times what it was, and $5 percentage points above. All is reckoned in whole numbers.
-- Guarantee: a key that goes on being different keeps its `since`; one that does not is forgotten.
-- Cost: everybody's usage by hour of 24 hours and by day of the month; two to three microseconds a row.
WITH edge AS (
    SELECT date_trunc('hour', statement_timestamp(), 'UTC') AS until
), dates AS (
    SELECT ((until - interval '24 hours') AT TIME ZONE 'UTC')::date AS until FROM edge
), day AS (
    SELECT h.key_id, sum(h.requests) AS requests,
           sum(LEAST(h.client_errors + h.server_errors, h.requests)) AS errors
    FROM usage_hourly h
    WHERE h.hour >= (SELECT until - interval '24 hours' FROM edge) AND h.hour < (SELECT until FROM edge)
    GROUP BY h.key_id
), week AS (
    SELECT d.key_id, sum(d.requests) AS requests, max(d.requests) AS most,
           CASE WHEN count(*) = 7 THEN min(d.requests) ELSE 0 END AS least,
           sum(LEAST(d.client_errors + d.server_errors, d.requests)) AS errors
    FROM usage_daily d
    WHERE d.date >= (SELECT until - 7 FROM dates) AND d.date < (SELECT until FROM dates)
    GROUP BY d.key_id
), both_sides AS (
    SELECT key_id, COALESCE(day.requests, 0) AS requests, COALESCE(day.errors, 0) AS errors,
           COALESCE(week.requests, 0) AS week_requests, COALESCE(week.errors, 0) AS week_errors,
           COALESCE(week.most, 0) AS most, COALESCE(week.least, 0) AS least
    FROM day FULL JOIN week USING (key_id)
), judged AS (
    SELECT key_id, requests, errors, week_requests, week_errors,
           CASE WHEN requests >= $1::bigint AND 7 * requests >= $2::bigint * week_requests
                     AND requests >= $3::bigint * most
                THEN true
                ELSE week_requests >= 7 * $1::bigint AND $2::bigint * 7 * requests <= week_requests
                     AND $3::bigint * requests < least
           END AS more_or_fewer,
           requests >= $1::bigint AND week_requests >= $1::bigint
           AND errors * week_requests >= $4::bigint * week_errors * requests
           AND 100 * (errors * week_requests - week_errors * requests) >= $5::bigint * requests * week_requests AS failing
    FROM both_sides
), found AS MATERIALIZED (
    SELECT j.key_id, k.tenant, k.created_at,
           jsonb_build_object('what', array_remove(ARRAY[CASE WHEN more_or_fewer THEN 'requests' END,
                                                         CASE WHEN failing THEN 'error_rate' END], NULL),
                              'requests', requests, 'errors', errors,
                              'week_requests', week_requests, 'week_errors', week_errors) AS detail
    FROM judged j
    JOIN keys k ON k.id = j.key_id
    WHERE (more_or_fewer OR failing)
      AND k.created_at < (SELECT (until - 7)::timestamp AT TIME ZONE 'UTC' FROM dates)
), over AS (
    DELETE FROM findings f
    WHERE kind = 'sudden_change' AND NOT EXISTS (SELECT FROM found WHERE found.key_id = f.key_id)
)
INSERT INTO findings AS f (key_id, kind, tenant, created_at, since, detail)
SELECT key_id, 'sudden_change', tenant, created_at, statement_timestamp(), detail FROM found ORDER BY key_id
ON CONFLICT (key_id, kind) DO UPDATE SET detail = EXCLUDED.detail WHERE f.detail <> EXCLUDED.detail
