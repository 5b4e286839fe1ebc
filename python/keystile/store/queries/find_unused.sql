-- Finds the keys of all tenants that were made and last used at least $1 days ago, if ever.
-- Guarantee: only differences are written, at the end. Cost: every key with its row of totals, once.
WITH found AS MATERIALIZED (
    SELECT k.id AS key_id, k.tenant, k.created_at, COALESCE(t.last_used_at, k.created_at) AS since
    FROM keys k
    LEFT JOIN usage_totals t ON t.key_id = k.id
    WHERE k.revoked_at IS NULL AND k.created_at <= statement_timestamp() - $1::integer * interval '1 day'
      AND COALESCE(t.last_used_at, k.created_at) <= statement_timestamp() - $1::integer * interval '1 day'
), over AS (
    DELETE FROM findings f
    WHERE kind = 'unused' AND NOT EXISTS (SELECT FROM found WHERE found.key_id = f.key_id)
)
INSERT INTO findings (key_id, kind, tenant, created_at, since)
SELECT key_id, 'unused', tenant, created_at, since FROM found ORDER BY key_id
ON CONFLICT (key_id, kind) DO NOTHING
