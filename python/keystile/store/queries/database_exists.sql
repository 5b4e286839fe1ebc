-- Whether a database exists. Cost: one index probe.
SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)
