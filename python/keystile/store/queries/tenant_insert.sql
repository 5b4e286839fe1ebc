-- Adds a tenant; no row when the id is taken. Guarantee: ids are unique, and at most one is home. Cost: one row.
INSERT INTO tenants (id, name, home) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING
RETURNING id, name, home, created_at
