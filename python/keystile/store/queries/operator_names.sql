-- The addresses of operators by id, of tenant $2 or of the home tenant, whose operators act for the others.
-- Cost: one index probe each.
SELECT o.id, o.email
FROM operators o
JOIN tenants t ON t.id = o.tenant
WHERE o.id = ANY ($1::text[]) AND (o.tenant = $2 OR t.home)
