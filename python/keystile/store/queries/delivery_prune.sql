-- Forgets what ended $1 seconds ago, what was written for a webhook that was just being removed, and notices twice as
-- old; gives up what was written for one that was just being disabled. Of all tenants.
-- Cost: what it removes, and a probe for each delivery that waits.
WITH notices AS (
    DELETE FROM webhook_notices WHERE at < statement_timestamp() - make_interval(secs => 2 * $1::float8)
), disabled AS (
    UPDATE webhook_deliveries d SET status = 'failed', ended_at = statement_timestamp(), trying = false,
                                    last_error = $2
    FROM webhooks w WHERE w.id = d.webhook_id AND w.disabled AND d.status = 'waiting'
)
DELETE FROM webhook_deliveries d
WHERE ended_at < statement_timestamp() - make_interval(secs => $1)
   OR (status = 'waiting' AND NOT EXISTS (SELECT FROM webhooks w WHERE w.id = d.webhook_id))
