-- Advice to set an expiry: active keys of tenant $1 that never expire.
-- Cost: an index of the tenant's active keys, as far as they are asked for.
SELECT k.id AS key_id, k.created_at, k.created_at AS since, '{}'::jsonb AS detail
FROM keys k
WHERE k.tenant = $1 AND :active AND k.expires_at IS NULL
