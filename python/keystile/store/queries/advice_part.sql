-- One kind's share of a page of advice: as much of it as the whole page may have. Cost: that of its rule.
(SELECT found.*, ':kind' AS kind, :rank AS rank
FROM (:rule) AS found
WHERE :after
ORDER BY created_at, key_id
LIMIT $2)
