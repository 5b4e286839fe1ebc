-- When one key's secrets were used last, each since the rotation that made the current one; `expires_at` is NULL unless
-- an overlap runs. Cost: two rows. The caller has checked the tenant.
SELECT CASE WHEN k.rotated_at IS NULL THEN t.last_used_at
            WHEN t.current_used_at > k.rotated_at THEN t.current_used_at END AS current_used_at,
       CASE WHEN t.previous_used_at > k.rotated_at THEN t.previous_used_at END AS previous_used_at,
       CASE WHEN k.revoked_at IS NULL AND k.previous_secret_expires_at > statement_timestamp()
            THEN k.previous_secret_expires_at END AS expires_at
FROM keys k
LEFT JOIN usage_totals t ON t.key_id = k.id
WHERE k.id = $1
