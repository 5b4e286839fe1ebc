-- Adds an operator, who cannot sign in before choosing a password. No row if somebody has that address already.
-- Cost: one row, two index probes.
INSERT INTO operators (id, tenant, email, role, created_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (email) DO NOTHING
RETURNING id, tenant, email, role, password_hash IS NOT NULL AS has_password, disabled, created_at, created_by,
          last_signed_in_at
