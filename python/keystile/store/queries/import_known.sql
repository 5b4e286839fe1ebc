-- Keys that have one of the ids $1, or one of the digests $2 as their secret or as the one before. Tenants: any, as a
-- secret opens one key at most, whosever that is; what is found is compared and never shown. Joined, since for `= ANY`
-- the planner may take an index in which the id stands last. Cost: three index probes for each id and digest.
SELECT k.id, k.tenant, k.digest, k.previous_digest, k.imported_as
FROM unnest($1::text[]) AS u (id) JOIN keys k ON k.id = u.id
UNION ALL
SELECT k.id, k.tenant, k.digest, k.previous_digest, k.imported_as
FROM unnest($2::bytea[]) AS u (digest) JOIN keys k ON k.digest = u.digest
UNION ALL
SELECT k.id, k.tenant, k.digest, k.previous_digest, k.imported_as
FROM unnest($2::bytea[]) AS u (digest) JOIN keys k ON k.previous_digest = u.digest
