-- Revokes a key for good. Guarantee: a second time changes nothing. Cost: one row.
UPDATE keys
SET revoked_at     = COALESCE(revoked_at, statement_timestamp()),
    revoked_reason = CASE WHEN revoked_at IS NULL THEN $3 ELSE revoked_reason END
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
RETURNING id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
          created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
          previous_secret_expires_at, note
