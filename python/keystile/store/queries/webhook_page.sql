-- Webhooks of one tenant, oldest first, after the one that was made at $2 and has the id $3. Cost: one index range.
SELECT id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
       CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
           AS previous_secret_expires_at
FROM webhooks
WHERE tenant = $1 AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3::text))
ORDER BY created_at, id
LIMIT $4
