-- Renames a tenant. Cost: one row.
UPDATE tenants SET name = $2 WHERE id = $1 RETURNING id, name, home, created_at
