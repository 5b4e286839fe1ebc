-- The applied migrations. Cost: one row for each.
SELECT number, name, checksum, applied_at FROM schema_migrations ORDER BY number
