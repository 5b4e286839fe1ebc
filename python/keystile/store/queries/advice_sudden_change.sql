-- Advice to look: active keys of tenant $1 that were found to have changed suddenly.
-- Cost: the tenant's findings as far as they are asked for, and a row of keys for each.
SELECT f.key_id, f.created_at, f.since, f.detail
FROM findings f
JOIN keys k ON k.id = f.key_id
WHERE f.tenant = $1 AND f.kind = 'sudden_change' AND k.tenant = $1 AND :active
