-- Removes up to $2 deliveries of webhook $1, which is gone. Cost: what it removes.
DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
    SELECT id FROM webhook_deliveries WHERE webhook_id = $1 LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
