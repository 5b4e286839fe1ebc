-- Moves a sample key into the past: made $2, revoked $3, rotated $4. Only sample keys.
UPDATE keys
SET created_at = $2,
    revoked_at = CASE WHEN revoked_at IS NOT NULL THEN $3::timestamptz END,
    rotated_at = CASE WHEN rotated_at IS NOT NULL THEN $4::timestamptz END
WHERE id = $1 AND created_by = 'demo'
