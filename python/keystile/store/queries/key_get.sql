-- One key by id, in one tenant or (NULL) in any. Cost: one index probe.
SELECT id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
       created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
       previous_secret_expires_at, note
FROM keys
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
