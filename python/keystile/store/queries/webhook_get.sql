-- One webhook by id, in one tenant or (NULL) in any. Cost: one index probe.
SELECT id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
       CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
           AS previous_secret_expires_at
FROM webhooks
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
