-- The home tenant, if there is one yet. Guarantee: at most one. Cost: one index probe.
SELECT id, name, home, created_at FROM tenants WHERE home
