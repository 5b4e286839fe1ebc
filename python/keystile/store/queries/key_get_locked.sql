-- The same as key_get, and nobody else can change or lock the key until this transaction ends. Not FOR SHARE: two
-- transactions that both read a key and then change it would wait for each other for ever.
-- Cost: one index probe, one row lock.
SELECT id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
       created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
       previous_secret_expires_at, note
FROM keys
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
FOR NO KEY UPDATE
