-- What it takes to sign in with the address $1, whatever the tenant. Cost: one index probe.
SELECT id, tenant, password_hash FROM operators WHERE email = $1 AND NOT disabled AND password_hash IS NOT NULL
