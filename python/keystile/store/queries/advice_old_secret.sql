-- Advice to rotate: active keys of tenant $1 whose secret was made at least :old_secret_days days ago.
-- Cost: an index of the tenant's active keys, as far as they are asked for.
SELECT k.id AS key_id, k.created_at, COALESCE(k.rotated_at, k.created_at) AS since, '{}'::jsonb AS detail
FROM keys k
WHERE k.tenant = $1 AND :active
  AND k.created_at <= statement_timestamp() - interval ':old_secret_days days'
  AND COALESCE(k.rotated_at, k.created_at) <= statement_timestamp() - interval ':old_secret_days days'
