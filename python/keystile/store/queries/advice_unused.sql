-- Advice to revoke: active keys of tenant $1 that were found unused, and still are.
-- Cost: the tenant's findings as far as they are asked for, and for each a row of keys and of totals.
SELECT f.key_id, f.created_at, COALESCE(t.last_used_at, f.created_at) AS since, '{}'::jsonb AS detail
FROM findings f
JOIN keys k ON k.id = f.key_id
LEFT JOIN usage_totals t ON t.key_id = f.key_id
WHERE f.tenant = $1 AND f.kind = 'unused' AND k.tenant = $1 AND :active
  AND COALESCE(t.last_used_at, f.created_at) <= statement_timestamp() - interval ':unused_days days'
