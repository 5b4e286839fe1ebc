-- Every key of a tenant, newest first, with its usage in four figures. Cost: the tenant's keys, and their usage of
-- 30 days read once.
WITH recent AS (
    SELECT d.key_id, sum(d.requests)::bigint AS requests_30d,
           round(100.0 * LEAST(sum(d.client_errors + d.server_errors), sum(d.requests)) / NULLIF(sum(d.requests), 0),
                 2)::float8 AS error_rate
    FROM usage_daily d
    JOIN keys ON keys.id = d.key_id AND keys.tenant = $1
    WHERE d.date > utc_today() - 30
    GROUP BY d.key_id
)
SELECT k.id, k.tenant, k.name, k.start, k.last4, k.scopes, k.tier,
       key_status(k.revoked_at, k.disabled, k.expires_at) AS status, k.created_at, k.created_by, k.expires_at,
       k.revoked_at, k.revoked_reason, k.disabled, k.rotated_at, k.previous_secret_expires_at, k.note,
       t.last_used_at, COALESCE(t.requests, 0) AS total_requests, COALESCE(r.requests_30d, 0) AS requests_30d,
       r.error_rate
FROM keys k
LEFT JOIN usage_totals t ON t.key_id = k.id
LEFT JOIN recent r ON r.key_id = k.id
WHERE k.tenant = $1
ORDER BY k.created_at DESC, k.id DESC
