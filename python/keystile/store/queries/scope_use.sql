-- How many keys of tenant $1 hold each scope, those revoked left out. Cost: the tenant's keys.
SELECT scope AS name, count(*) AS keys
FROM keys, unnest(scopes) AS scope
WHERE tenant = $1 AND revoked_at IS NULL
GROUP BY scope
