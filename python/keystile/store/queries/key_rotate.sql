-- Gives a key a new secret. Guarantee: at most two secrets live, and the old one ends after $6 seconds (0: now).
-- A revoked key is left alone. Cost: one row.
UPDATE keys
SET digest                     = $3,
    start                      = $4,
    last4                      = $5,
    rotated_at                 = statement_timestamp(),
    previous_digest            = CASE WHEN $6::float8 > 0 THEN digest END,
    previous_secret_expires_at = CASE WHEN $6 > 0 THEN statement_timestamp() + make_interval(secs => $6) END
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) AND revoked_at IS NULL
RETURNING id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
          created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
          previous_secret_expires_at, note
