-- A page of a tenant's keys with their usage. :sort, :direction, :filters and :after are replaced by fragments that
-- store/key_pages.py holds; input comes in parameters only. A filter that was not asked for is not in the statement, so
-- that no plan made for any value has to serve.
-- Guarantee: the order is total, so following the cursor shows every key that stays exactly once.
-- Cost: one index range for created_at, name and expires_at; a scan of the tenant's keys (and of the totals) for the usage
-- sorts and for filters that little passes, of which only ids and places are sorted. Then 32 rows for each key shown.
WITH page AS (
    SELECT k.id, :sort AS sort_value
    FROM keys k
    LEFT JOIN usage_totals t ON t.key_id = k.id
    WHERE k.tenant = $1
      :filters
      :after
    ORDER BY :sort :direction, k.id :direction
    LIMIT $2
)
SELECT k.id, k.tenant, k.name, k.start, k.last4, k.scopes, k.tier,
       key_status(k.revoked_at, k.disabled, k.expires_at) AS status, k.created_at, k.created_by, k.expires_at,
       k.revoked_at, k.revoked_reason, k.disabled, k.rotated_at, k.previous_secret_expires_at, k.note,
       t.last_used_at, COALESCE(t.requests, 0) AS total_requests, page.sort_value::text AS sort_value,
       recent.requests_30d, recent.error_rate
FROM page
JOIN keys k ON k.id = page.id
LEFT JOIN usage_totals t ON t.key_id = page.id
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(d.requests), 0)::bigint AS requests_30d,
           round(100.0 * LEAST(sum(d.client_errors + d.server_errors), sum(d.requests)) / NULLIF(sum(d.requests), 0),
                 2)::float8 AS error_rate
    FROM usage_daily d
    WHERE d.key_id = page.id AND d.date > utc_today() - 30
) recent
ORDER BY page.sort_value :direction, page.id :direction
