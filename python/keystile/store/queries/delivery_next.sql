-- In how many seconds the next delivery is due, of all tenants but not of the webhooks in $1; NULL: none waits.
-- Cost: a probe for each webhook.
SELECT extract(epoch FROM min(d.due_at) - statement_timestamp())::float8
FROM webhooks w
CROSS JOIN LATERAL (
    SELECT due_at FROM webhook_deliveries WHERE webhook_id = w.id AND status = 'waiting' ORDER BY due_at LIMIT 1
) d
WHERE NOT w.disabled AND w.id <> ALL ($1::text[])
