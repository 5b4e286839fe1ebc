-- Every key, of any tenant, and whether it is revoked. Cost: all keys.
SELECT id, revoked_at, revoked_reason FROM keys
