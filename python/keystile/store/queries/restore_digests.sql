-- Every key, of any tenant, that was rotated, with the digest of its secret. Cost: all keys.
SELECT id, digest FROM keys WHERE rotated_at IS NOT NULL AND revoked_at IS NULL
