-- Forgets up to $2 deliveries, of all tenants, that ended $1 seconds ago. Cost: what it removes.
DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
    SELECT id FROM webhook_deliveries WHERE ended_at < statement_timestamp() - make_interval(secs => $1::float8)
    LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
