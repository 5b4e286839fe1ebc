-- The trail of one tenant (NULL: of all), newest first, before row $2. Cost: one index range; more rows are read
-- than shown where the filters leave some out.
SELECT id, at, actor, tenant, action, target, detail::text AS detail, request_id
FROM audit
WHERE ($1::text IS NULL OR tenant = $1)
  AND ($2::bigint IS NULL OR id < $2)
  AND ($3::text IS NULL OR actor = $3)
  AND ($4::text IS NULL OR action = $4)
  AND ($5::text IS NULL OR target = $5)
ORDER BY id DESC
LIMIT $6
