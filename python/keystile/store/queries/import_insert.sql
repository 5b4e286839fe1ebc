-- Adds keys whose secrets were made elsewhere; the columns are arrays, scopes joined by commas. Guarantee: as key_insert;
-- a key whose id or secret is there already is left as it is, also one that another transaction is adding: this one waits
-- for it. Whoever calls has checked the tenants, and gives the ids in order, or two imports could wait for each other.
-- Gives the ids that are new. Cost: one row and seven indexes for each key.
INSERT INTO keys (id, tenant, name, start, last4, digest, scopes, tier, expires_at, note, imported_as, created_by)
SELECT u.id, u.tenant, u.name, u.start, u.last4, u.digest, string_to_array(u.scopes, ','), u.tier, u.expires_at, u.note,
       u.imported_as, $12
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[],
            $9::timestamptz[], $10::text[], $11::bigint[])
     AS u (id, tenant, name, start, last4, digest, scopes, tier, expires_at, note, imported_as)
ON CONFLICT DO NOTHING
RETURNING id
