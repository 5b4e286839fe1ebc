-- Sets the fields named in $3. Guarantee: the others stay. Cost: one row; a change for the gates only if it
-- matters to them.
UPDATE keys
SET name       = CASE WHEN 'name' = ANY ($3::text[]) THEN $4 ELSE name END,
    scopes     = CASE WHEN 'scopes' = ANY ($3) THEN $5::text[] ELSE scopes END,
    tier       = CASE WHEN 'tier' = ANY ($3) THEN $6 ELSE tier END,
    expires_at = CASE WHEN 'expires_at' = ANY ($3) THEN $7::timestamptz ELSE expires_at END,
    disabled   = CASE WHEN 'disabled' = ANY ($3) THEN $8::boolean ELSE disabled END,
    note       = CASE WHEN 'note' = ANY ($3) THEN $9 ELSE note END
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
RETURNING id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
          created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
          previous_secret_expires_at, note
