-- Revokes keys $1, of any tenant, again as of $2 for reasons $3, which this database takes for good; $4 is the actor of
-- the audit rows. Guarantee: those are in the same statement; keys that are revoked or gone are left alone. Cost: two
-- rows for each key. Keys are locked in order, so that several actors may do it at once.
WITH known AS (
    SELECT keys.id, known.at, known.reason
    FROM unnest($1::text[], $2::timestamptz[], $3::text[]) AS known (id, at, reason) JOIN keys ON keys.id = known.id
    WHERE keys.revoked_at IS NULL ORDER BY keys.id FOR NO KEY UPDATE OF keys
), revoked AS (
    UPDATE keys SET revoked_at = known.at, revoked_reason = known.reason FROM known
    WHERE keys.id = known.id AND keys.revoked_at IS NULL RETURNING keys.id, keys.tenant, keys.revoked_reason
)
INSERT INTO audit (actor, tenant, action, target, detail)
SELECT $4::text, tenant, 'key.revoke', id, jsonb_build_object('reason', revoked_reason, 'again', true) FROM revoked
RETURNING target
