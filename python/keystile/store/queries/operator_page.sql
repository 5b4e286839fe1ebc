-- Operators of one tenant after the address $2, by address. Cost: one index range.
SELECT id, tenant, email, role, password_hash IS NOT NULL AS has_password, disabled, created_at, created_by,
       last_signed_in_at
FROM operators
WHERE tenant = $1 AND ($2::text IS NULL OR email > $2)
ORDER BY email
LIMIT $3
