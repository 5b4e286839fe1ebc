-- The names of keys by id, of tenant $2 or of the home tenant, whose keys act for the others. Cost: one index probe
-- each.
SELECT k.id, k.name
FROM keys k
JOIN tenants t ON t.id = k.tenant
WHERE k.id = ANY ($1::text[]) AND (k.tenant = $2 OR t.home)
