-- The trail of one tenant (NULL: of all), newest first, before the row that was made at $2 and has the id $3, from
-- $7 on and before $8. Guarantee: the order is total, so following the cursor shows every row exactly once; what is
-- added meanwhile comes before. Cost: one index range; more rows are read than shown where an action is asked for.
SELECT id, at, actor, tenant, action, target, detail::text AS detail, request_id
FROM audit
WHERE ($1::text IS NULL OR tenant = $1)
  AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::bigint))
  AND ($4::text IS NULL OR actor = $4)
  AND ($5::text IS NULL OR action = $5)
  AND ($6::text IS NULL OR target = $6)
  AND ($7::timestamptz IS NULL OR at >= $7)
  AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY at DESC, id DESC
LIMIT $9
