-- One key's last 48 hours, the present one included, oldest first. Guarantee: an hour without traffic is there, as
-- zeros. Cost: 48 rows. The caller has checked the tenant.
WITH present AS (SELECT date_trunc('hour', statement_timestamp(), 'UTC') AS hour)
SELECT series.hour, COALESCE(h.requests, 0) AS requests, COALESCE(h.client_errors, 0) AS client_errors,
       COALESCE(h.server_errors, 0) AS server_errors
FROM present
CROSS JOIN LATERAL generate_series(present.hour - interval '47 hours', present.hour, '1 hour') AS series (hour)
LEFT JOIN usage_hourly h ON h.key_id = $1 AND h.hour = series.hour
    AND h.hour >= date_trunc('hour', statement_timestamp(), 'UTC') - interval '47 hours'
ORDER BY series.hour
