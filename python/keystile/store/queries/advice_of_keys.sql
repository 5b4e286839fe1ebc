-- One kind of advice about the keys $2 of tenant $1. Cost: a few probes for each of them.
SELECT key_id, keys.name, ':kind' AS kind, since, detail::text AS detail
FROM (:rule) AS found
JOIN keys ON keys.id = found.key_id
WHERE found.key_id = ANY ($2::text[])
