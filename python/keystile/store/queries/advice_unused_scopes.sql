-- Advice to drop scopes: active keys of tenant $1 that were found to hold some that they do not use, and still do.
-- A use that was noted since has removed its finding, and all are void when uses were lost.
-- Cost: the tenant's findings as far as they are asked for, and a row of keys for each.
SELECT f.key_id, f.created_at, f.since,
       jsonb_build_object('scopes', ARRAY(SELECT scope FROM unnest(f.scopes) AS scope WHERE scope = ANY (k.scopes)))
           AS detail
FROM findings f
JOIN keys k ON k.id = f.key_id
WHERE f.tenant = $1 AND f.kind = 'unused_scopes' AND k.tenant = $1 AND :active AND f.scopes && k.scopes
  AND (SELECT at FROM watches WHERE name = 'scopes') <= statement_timestamp() - interval ':unused_days days'
