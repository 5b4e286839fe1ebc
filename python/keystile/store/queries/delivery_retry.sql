-- Has delivery $3 of webhook $1, in one tenant or (NULL) in any, tried anew and at once, however it ended; it comes
-- before what waits of the same key. One that is just being tried is not tried twice at once. Cost: one row.
UPDATE webhook_deliveries d
SET status = 'waiting', ended_at = NULL, failures = 0,
    due_at = CASE WHEN trying AND due_at > statement_timestamp() THEN due_at ELSE statement_timestamp() END
WHERE d.id = $3 AND d.webhook_id = $1 AND ($2::text IS NULL OR d.tenant = $2)
RETURNING id, webhook_id, key_id, event, status, attempts, due_at AS next_attempt_at, last_attempt_at, last_status,
          last_error, created_at, ended_at
