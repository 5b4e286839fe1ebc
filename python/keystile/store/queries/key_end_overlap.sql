-- Ends the secret from before the last rotation. Guarantee: the present secret stays, and a revoked key is left alone.
-- Cost: one row.
UPDATE keys
SET previous_digest            = NULL,
    previous_secret_expires_at = NULL
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) AND revoked_at IS NULL
RETURNING id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
          created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
          previous_secret_expires_at, note
