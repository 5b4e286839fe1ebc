-- Adds a webhook of tenant $2, unless it has $8 already. Guarantee: never more, also of several calls at once, because
-- the caller holds the tenant since an earlier statement: this one sees what those before it have added.
-- Cost: one row, the tenant's webhooks.
INSERT INTO webhooks (id, tenant, url, events, note, secret, created_by)
SELECT $1, t.id, $3, $4::text[], $5, $6::bytea, $7 FROM tenants t
WHERE t.id = $2 AND (SELECT count(*) FROM webhooks WHERE tenant = t.id) < $8::bigint
RETURNING id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
          CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
              AS previous_secret_expires_at
