-- One key's usage in four figures, in one tenant or (NULL) in any. Cost: at most 31 rows.
SELECT t.last_used_at, COALESCE(t.requests, 0) AS total_requests, recent.requests_30d, recent.error_rate
FROM keys k
LEFT JOIN usage_totals t ON t.key_id = k.id
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(d.requests), 0)::bigint AS requests_30d,
           round(100.0 * LEAST(sum(d.client_errors + d.server_errors), sum(d.requests)) / NULLIF(sum(d.requests), 0),
                 2)::float8 AS error_rate
    FROM usage_daily d
    WHERE d.key_id = k.id AND d.date > utc_today() - 30
) recent
WHERE k.id = $1 AND ($2::text IS NULL OR k.tenant = $2)
