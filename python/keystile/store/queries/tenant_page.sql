-- Tenants after $1, by id. Cost: one index range.
SELECT id, name, home, created_at FROM tenants WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2
