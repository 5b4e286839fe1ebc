-- Gives a webhook, in one tenant or (NULL) in any, the sealed secret $3; the one before signs too for $4 seconds.
-- Cost: one row.
UPDATE webhooks
SET secret                     = $3,
    previous_secret            = CASE WHEN $4::float8 > 0 THEN secret END,
    previous_secret_expires_at = CASE WHEN $4 > 0 THEN statement_timestamp() + make_interval(secs => $4) END,
    rotated_at                 = statement_timestamp()
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
RETURNING id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
          CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
              AS previous_secret_expires_at
