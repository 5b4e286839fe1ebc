-- Webhooks, of all tenants, that have deliveries but are disabled or gone. Cost: two probes for each with deliveries.
WITH RECURSIVE found (id) AS (
    (SELECT webhook_id FROM webhook_deliveries ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT webhook_id FROM webhook_deliveries WHERE webhook_id > found.id ORDER BY webhook_id LIMIT 1)
    FROM found WHERE found.id IS NOT NULL
)
SELECT found.id, w.id IS NULL AS gone FROM found LEFT JOIN webhooks w ON w.id = found.id
WHERE found.id IS NOT NULL AND (w.id IS NULL OR w.disabled)
