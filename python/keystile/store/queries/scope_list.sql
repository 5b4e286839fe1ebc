-- The scopes in their configured order. Cost: at most 64 rows.
SELECT name, grants FROM scopes ORDER BY position, name
