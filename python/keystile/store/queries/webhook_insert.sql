-- Adds a webhook of tenant $2, unless it has $8 already. Guarantee: never more, also of several calls at once.
-- Cost: one row, one row lock, the tenant's webhooks.
WITH held AS (
    SELECT id FROM tenants WHERE id = $2 FOR NO KEY UPDATE
)
INSERT INTO webhooks (id, tenant, url, events, note, secret, created_by)
SELECT $1, held.id, $3, $4::text[], $5, $6::bytea, $7 FROM held
WHERE (SELECT count(*) FROM webhooks WHERE tenant = held.id) < $8::bigint
RETURNING id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
          CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
              AS previous_secret_expires_at
