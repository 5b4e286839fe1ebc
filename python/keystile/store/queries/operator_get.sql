-- One operator of tenant $2 (NULL: of any). Cost: one index probe.
SELECT id, tenant, email, role, password_hash IS NOT NULL AS has_password, disabled, created_at, created_by,
       last_signed_in_at
FROM operators
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
