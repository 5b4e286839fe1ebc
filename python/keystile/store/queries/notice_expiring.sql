-- Tells webhooks of `key.expiring` of their tenants' active keys that expire within $1 seconds.
-- Guarantee: once for each webhook, key and expiry. Cost: an index range for each such webhook, of what expires.
WITH found AS (
    SELECT w.id AS webhook_id, k.id AS key_id, k.expires_at
    FROM webhooks w JOIN keys k ON k.tenant = w.tenant
    WHERE NOT w.disabled AND 'key.expiring' = ANY (w.events)
      AND COALESCE(k.expires_at, 'infinity') > statement_timestamp()
      AND COALESCE(k.expires_at, 'infinity') <= statement_timestamp() + make_interval(secs => $1::float8)
      AND k.revoked_at IS NULL AND NOT k.disabled
), noted AS (
    INSERT INTO webhook_notices (webhook_id, key_id, event, mark)
    SELECT webhook_id, key_id, 'key.expiring', expires_at FROM found ORDER BY webhook_id, key_id
    ON CONFLICT DO NOTHING RETURNING webhook_id, key_id
)
INSERT INTO webhook_deliveries (webhook_id, tenant, key_id, event, payload)
SELECT noted.webhook_id, k.tenant, k.id, 'key.expiring', webhook_payload('key.expiring', k)
FROM noted JOIN keys k ON k.id = noted.key_id ORDER BY noted.webhook_id, k.id
