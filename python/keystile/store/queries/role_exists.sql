-- Whether a role exists. Cost: one index probe.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
