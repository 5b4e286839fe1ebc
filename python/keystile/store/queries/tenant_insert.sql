-- Adds a tenant. Guarantee: ids are unique, and at most one is home. Cost: one row.
INSERT INTO tenants (id, name, home) VALUES ($1, $2, $3) RETURNING id, name, home, created_at
