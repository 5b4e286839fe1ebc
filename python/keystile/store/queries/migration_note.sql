-- Notes one applied migration, in the transaction that applies it. Cost: one row.
INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3) RETURNING applied_at
