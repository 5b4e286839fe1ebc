-- Revokes the keys $1 at the times $2 for the reasons $3, in any tenant, and gives those that were not. Cost: a probe for
-- each.
UPDATE keys SET revoked_at = u.revoked_at, revoked_reason = u.revoked_reason
FROM unnest($1::text[], $2::timestamptz[], $3::text[]) AS u (id, revoked_at, revoked_reason)
WHERE keys.id = u.id AND keys.revoked_at IS NULL
RETURNING keys.id, keys.tenant, keys.revoked_reason
