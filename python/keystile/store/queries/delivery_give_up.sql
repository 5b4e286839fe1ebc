-- Gives up all that waits for webhook $1, for the reason $2. The caller has locked the webhook and checked its tenant.
-- Cost: what waits.
UPDATE webhook_deliveries SET status = 'failed', ended_at = statement_timestamp(), trying = false,
                              last_error = $2
WHERE webhook_id = $1 AND status = 'waiting'
