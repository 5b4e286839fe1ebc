-- One tenant. Cost: one index probe.
SELECT id, name, home, created_at FROM tenants WHERE id = $1
