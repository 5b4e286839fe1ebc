-- Adds a key. Guarantee: tenant, scopes and tier exist until this transaction ends. Cost: one row, six indexes.
INSERT INTO keys (id, tenant, name, start, last4, digest, scopes, tier, created_by, expires_at, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING id, tenant, name, start, last4, scopes, tier, key_status(revoked_at, disabled, expires_at) AS status,
          created_at, created_by, expires_at, revoked_at, revoked_reason, disabled, rotated_at,
          previous_secret_expires_at, note
