-- Those of the keys $1, of any tenant, whose secret's digest is not the one in $2. Cost: a probe for each.
SELECT keys.id FROM unnest($1::text[], $2::bytea[]) AS u (id, digest)
JOIN keys ON keys.id = u.id AND keys.digest <> u.digest
ORDER BY keys.id
