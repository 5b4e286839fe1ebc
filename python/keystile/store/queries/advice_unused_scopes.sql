-- Advice to drop scopes: active keys of tenant $1 that were found to hold some that they do not use, and still do.
-- A use that was noted since has removed its finding, and all are void when uses were lost.
-- Cost: the tenant's findings as far as they are asked for, and a row of keys for each. Asked whether two lists of scopes
-- overlap, the planner would expect hardly any to, and read all tenants' keys.
SELECT f.key_id, f.created_at, f.since, jsonb_build_object('scopes', still.scopes) AS detail
FROM findings f
JOIN keys k ON k.id = f.key_id
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT scope FROM unnest(f.scopes) AS scope WHERE scope = ANY (k.scopes)) AS scopes
) AS still
WHERE f.tenant = $1 AND f.kind = 'unused_scopes' AND k.tenant = $1 AND :active AND still.scopes <> '{}'
  AND (SELECT at FROM watches WHERE name = 'scopes') <= statement_timestamp() - interval ':unused_days days'
