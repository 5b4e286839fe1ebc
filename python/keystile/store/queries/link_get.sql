-- Whom a link is for: an address, or NULL for the first operator. No row for one that is used up, late, of a disabled
-- operator, or for the first operator when there is one by now. Cost: two index probes.
SELECT o.email
FROM operator_links l
LEFT JOIN operators o ON o.id = l.operator_id
WHERE l.digest = $1 AND l.expires_at > statement_timestamp()
  AND CASE WHEN l.operator_id IS NULL THEN NOT EXISTS (SELECT FROM operators) ELSE NOT o.disabled END
