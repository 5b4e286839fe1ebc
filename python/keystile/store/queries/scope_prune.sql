-- Removes the scopes that are not in $1. Cost: at most 64 rows; waits for transactions that just gave one to a key.
DELETE FROM scopes WHERE name <> ALL ($1::text[]) RETURNING name
