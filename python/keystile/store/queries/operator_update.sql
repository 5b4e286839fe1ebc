-- Sets role and disabled of an operator of tenant $2 (NULL: of any). Cost: one row.
UPDATE operators SET role = $3, disabled = $4
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
RETURNING id, tenant, email, role, password_hash IS NOT NULL AS has_password, disabled, created_at, created_by,
          last_signed_in_at
