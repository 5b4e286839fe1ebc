-- In how many seconds the next delivery is due, of all tenants but not of the webhooks in $1; NULL: none waits.
-- Cost: probes for each webhook for which something waits.
WITH RECURSIVE found (id) AS (
    (SELECT webhook_id FROM webhook_deliveries WHERE status = 'waiting' ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT webhook_id FROM webhook_deliveries WHERE status = 'waiting' AND webhook_id > found.id
            ORDER BY webhook_id LIMIT 1)
    FROM found WHERE found.id IS NOT NULL
)
SELECT extract(epoch FROM min(d.due_at) - statement_timestamp())::float8
FROM found JOIN webhooks w ON w.id = found.id
CROSS JOIN LATERAL (
    SELECT due_at FROM webhook_deliveries WHERE webhook_id = w.id AND status = 'waiting' ORDER BY due_at LIMIT 1
) d
WHERE NOT w.disabled AND w.id <> ALL ($1::text[])
