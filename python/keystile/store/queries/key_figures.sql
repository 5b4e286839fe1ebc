-- What changes by itself about keys $2 of tenant $1: status and usage, the last 30 dates (UTC) singly too; dates without
-- traffic are left out. Guarantee: other tenants' keys are left out. Cost: at most 32 rows for each key.
SELECT k.id, key_status(k.revoked_at, k.disabled, k.expires_at) AS status, t.last_used_at,
       COALESCE(t.requests, 0) AS total_requests, recent.*, utc_today() AS today
FROM keys k
LEFT JOIN usage_totals t ON t.key_id = k.id
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(d.requests), 0)::bigint AS requests_30d,
           round(100.0 * LEAST(sum(d.client_errors + d.server_errors), sum(d.requests)) / NULLIF(sum(d.requests), 0),
                 2)::float8 AS error_rate,
           COALESCE(array_agg(d.date), '{}') AS dates, COALESCE(array_agg(d.requests), '{}') AS requests
    FROM usage_daily d
    WHERE d.key_id = k.id AND d.date > utc_today() - 30 AND d.date <= utc_today()
) recent
WHERE k.tenant = $1 AND k.id = ANY ($2::text[])
