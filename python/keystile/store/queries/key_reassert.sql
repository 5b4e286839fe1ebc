-- Revokes keys $1 again, as of $2, that a database which was set back takes for good; $3 is the reason that is noted.
-- Guarantee: the audit rows are in the same statement; keys that are revoked or gone are left alone. Cost: two rows
-- for each key. Keys are locked in order, so that several agents may do it at once.
WITH known AS (
    SELECT keys.id, keys.tenant, known.at
    FROM unnest($1::text[], $2::timestamptz[]) AS known (id, at) JOIN keys ON keys.id = known.id
    WHERE keys.revoked_at IS NULL ORDER BY keys.id FOR NO KEY UPDATE OF keys
), revoked AS (
    UPDATE keys SET revoked_at = known.at, revoked_reason = $3::text FROM known
    WHERE keys.id = known.id AND keys.revoked_at IS NULL RETURNING keys.id, keys.tenant
)
INSERT INTO audit (actor, tenant, action, target, detail)
SELECT 'agent', tenant, 'key.revoke', id, jsonb_build_object('reason', $3, 'again', true) FROM revoked
RETURNING target
