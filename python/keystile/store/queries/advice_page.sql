-- A page of advice: $2 pieces at most, those about older keys first. The parts are one advice_part.sql for each kind
-- asked for; $3 to $5 are the last piece's place, where there is one.
-- Guarantee: the order is total, so following the cursor shows each piece that stays exactly once.
-- Cost: that of the parts, each of which ends where the page does.
SELECT parts.key_id, k.name, parts.created_at, kind, since, detail::text AS detail, rank
FROM (:parts) AS parts
JOIN keys k ON k.id = parts.key_id
ORDER BY parts.created_at, parts.key_id, rank
LIMIT $2
