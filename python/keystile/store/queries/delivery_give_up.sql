-- Gives up to $2 deliveries up that wait for webhook $1, for the reason $3. The caller has locked the webhook and checked
-- its tenant. Cost: what it gives up.
UPDATE webhook_deliveries SET status = 'failed', ended_at = statement_timestamp(), trying = false, last_error = $3
WHERE id = ANY (ARRAY(
    SELECT id FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'waiting'
    LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
