-- Tenants after $1, by id, whose id or name contains $3. Cost: one index range; with $3 it passes over what does not
-- match.
SELECT id, name, home, created_at
FROM tenants
WHERE ($1::text IS NULL OR id > $1) AND ($3::text IS NULL OR strpos(lower(concat_ws(E'\n', id, name)), lower($3)) > 0)
ORDER BY id
LIMIT $2
