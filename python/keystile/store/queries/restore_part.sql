-- Ends every other session of database $1. Cost: the server's sessions.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()
