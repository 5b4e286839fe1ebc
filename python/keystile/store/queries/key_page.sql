-- A page of a tenant's keys with their usage. :sort, :direction and :after are replaced by fragments that
-- store/keys.py holds; input comes in parameters only. $7 and $8 are the last row's place, where :after is used.
-- Guarantee: the order is total, so following the cursor shows every key that stays exactly once.
-- Cost: one index range for created_at, name and expires_at; the tenant's keys, sorted, for the usage sorts and
-- for filters that little passes. Then 30 rows of usage at most for each key shown.
WITH page AS (
    SELECT k.*, key_status(k.revoked_at, k.disabled, k.expires_at) AS status, :sort AS sort_value,
           t.last_used_at, COALESCE(t.requests, 0) AS total_requests
    FROM keys k
    LEFT JOIN usage_totals t ON t.key_id = k.id
    WHERE k.tenant = $1
      AND ($2::text IS NULL OR key_status(k.revoked_at, k.disabled, k.expires_at) = $2)
      AND ($3::text IS NULL OR $3 = ANY (k.scopes))
      AND ($4::text IS NULL OR k.tier = $4)
      AND ($5::text IS NULL OR strpos(lower(concat_ws(E'\n', k.name, k.id, k.start, k.last4)), lower($5)) > 0)
      :after
    ORDER BY :sort :direction, k.id :direction
    LIMIT $6
)
SELECT page.id, tenant, name, start, last4, scopes, tier, status, created_at, created_by, expires_at, revoked_at,
       revoked_reason, disabled, rotated_at, previous_secret_expires_at, note, last_used_at, total_requests,
       sort_value::text AS sort_value, recent.requests_30d, recent.error_rate
FROM page
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(d.requests), 0)::bigint AS requests_30d,
           round(100.0 * LEAST(sum(d.client_errors + d.server_errors), sum(d.requests)) / NULLIF(sum(d.requests), 0),
                 2)::float8 AS error_rate
    FROM usage_daily d
    WHERE d.key_id = page.id AND d.date > utc_today() - 30
) recent
ORDER BY page.sort_value :direction, page.id :direction
