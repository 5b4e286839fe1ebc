-- Sets an operator's password hash. Cost: one row.
UPDATE operators SET password_hash = $2 WHERE id = $1 AND NOT disabled
RETURNING id, tenant, email, role, password_hash IS NOT NULL AS has_password, disabled, created_at, created_by,
          last_signed_in_at
