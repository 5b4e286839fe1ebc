-- Tells webhooks of `key.unusual` of their tenants' active keys that changed suddenly, as the last look found.
-- Guarantee: once for each webhook, key and beginning of the change. Cost: all findings of that kind.
WITH found AS (
    SELECT w.id AS webhook_id, k.id AS key_id, f.since, f.detail
    FROM findings f
    JOIN webhooks w ON w.tenant = f.tenant
    JOIN keys k ON k.id = f.key_id AND k.tenant = f.tenant
    WHERE f.kind = 'sudden_change' AND NOT w.disabled AND 'key.unusual' = ANY (w.events)
      AND key_status(k.revoked_at, k.disabled, k.expires_at) = 'active'
), noted AS (
    INSERT INTO webhook_notices (webhook_id, key_id, event, mark)
    SELECT webhook_id, key_id, 'key.unusual', since FROM found ORDER BY webhook_id, key_id
    ON CONFLICT DO NOTHING RETURNING webhook_id, key_id
)
INSERT INTO webhook_deliveries (webhook_id, tenant, key_id, event, payload)
SELECT noted.webhook_id, k.tenant, k.id, 'key.unusual',
       webhook_payload('key.unusual', k, jsonb_build_object('since', webhook_time(found.since), 'change',
           jsonb_build_object(
               'what', found.detail -> 'what', 'requests', found.detail -> 'requests',
               'requests_before', round((found.detail ->> 'week_requests')::numeric / 7, 1),
               'error_rate', round(100 * (found.detail ->> 'errors')::numeric
                                   / NULLIF((found.detail ->> 'requests')::numeric, 0), 2),
               'error_rate_before', round(100 * (found.detail ->> 'week_errors')::numeric
                                          / NULLIF((found.detail ->> 'week_requests')::numeric, 0), 2))))
FROM noted JOIN found USING (webhook_id, key_id) JOIN keys k ON k.id = noted.key_id
ORDER BY noted.webhook_id, k.id
