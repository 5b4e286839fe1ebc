-- Tells webhooks of `key.limit_reached` of their tenants' keys that were refused for want of a token today, or
-- yesterday after it was last looked for. Guarantee: once for each webhook, key and UTC date, none of which lies before
-- the webhook. Cost: for each such webhook two probes for each key of its tenant.
WITH found AS (
    SELECT w.id AS webhook_id, k.id AS key_id, d.date, d.rate_limited
    FROM webhooks w
    JOIN keys k ON k.tenant = w.tenant
    JOIN usage_daily d ON d.key_id = k.id AND d.date BETWEEN utc_today() - 1 AND utc_today()
    WHERE NOT w.disabled AND 'key.limit_reached' = ANY (w.events) AND k.revoked_at IS NULL
      AND d.rate_limited > 0 AND d.date >= (w.created_at AT TIME ZONE 'UTC')::date
), noted AS (
    INSERT INTO webhook_notices (webhook_id, key_id, event, mark)
    SELECT webhook_id, key_id, 'key.limit_reached', date::timestamp AT TIME ZONE 'UTC' FROM found
    ORDER BY webhook_id, key_id, date
    ON CONFLICT DO NOTHING RETURNING webhook_id, key_id, (mark AT TIME ZONE 'UTC')::date AS date
)
INSERT INTO webhook_deliveries (webhook_id, tenant, key_id, event, payload)
SELECT noted.webhook_id, k.tenant, k.id, 'key.limit_reached',
       webhook_payload('key.limit_reached', k,
                       jsonb_build_object('date', found.date, 'rate_limited', found.rate_limited))
FROM noted JOIN found USING (webhook_id, key_id, date) JOIN keys k ON k.id = noted.key_id
ORDER BY noted.webhook_id, k.id, found.date
