-- How many active keys of tenant $1 one kind of advice is about, $2 at most. Cost: its rule, as far as it is counted.
SELECT ':kind' AS kind, count(*) AS keys
FROM (SELECT FROM (:rule) AS found ORDER BY created_at, key_id LIMIT $2) AS counted
