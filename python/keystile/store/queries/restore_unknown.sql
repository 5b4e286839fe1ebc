-- How many keys, of any tenant, are not revoked and not among the ids $1. Cost: all keys.
SELECT count(*) FROM keys
LEFT JOIN unnest($1::text[]) AS known (id) ON known.id = keys.id
WHERE keys.revoked_at IS NULL AND known.id IS NULL
