-- Removes the tiers that are not in $1. Cost: at most 64 rows; waits for transactions that just gave one to a key.
DELETE FROM tiers WHERE name <> ALL ($1::text[]) RETURNING name
