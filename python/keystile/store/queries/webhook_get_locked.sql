-- The same as webhook_get, and nobody else can change the webhook until this transaction ends. Who changes its
-- deliveries too locks it first. Cost: one index probe, one row lock.
SELECT id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
       CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
           AS previous_secret_expires_at
FROM webhooks
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
FOR NO KEY UPDATE
