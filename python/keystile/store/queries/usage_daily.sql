-- One key's last $2 dates up to today (UTC), oldest first. Guarantee: a date without traffic is there, as zeros.
-- Cost: $2 rows. The caller has checked the tenant.
SELECT day::date AS date, COALESCE(d.requests, 0) AS requests, COALESCE(d.client_errors, 0) AS client_errors,
       COALESCE(d.server_errors, 0) AS server_errors, COALESCE(d.rate_limited, 0) AS rate_limited
FROM generate_series((utc_today() - $2::integer + 1)::timestamp, utc_today()::timestamp, '1 day') AS day
LEFT JOIN usage_daily d ON d.key_id = $1 AND d.date = day::date
    AND d.date > utc_today() - $2::integer AND d.date <= utc_today()
ORDER BY day
