-- Every key as a gate needs it. Cost: the whole table.
SELECT id, tenant, digest, previous_digest, previous_secret_expires_at, scopes, tier, expires_at, disabled,
       revoked_at, imported_as IS NOT NULL AS imported
FROM keys
