-- How many keys of tenant $1 have each tier, those revoked left out. Cost: the tenant's keys.
SELECT tier AS name, count(*) AS keys
FROM keys
WHERE tenant = $1 AND revoked_at IS NULL
GROUP BY tier
