-- Keys that have one of the ids $1, or one of the digests $2 as their secret or as the one before. Tenants: any, as a
-- secret opens one key at most, whosever that is; what is found is compared and never shown. Cost: three index probes
-- for each id and digest.
SELECT id, tenant, digest, previous_digest, imported_as FROM keys WHERE id = ANY ($1::text[])
UNION ALL
SELECT id, tenant, digest, previous_digest, imported_as FROM keys WHERE digest = ANY ($2::bytea[])
UNION ALL
SELECT id, tenant, digest, previous_digest, imported_as FROM keys WHERE previous_digest = ANY ($2::bytea[])
