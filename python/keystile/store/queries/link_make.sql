-- A link of $3 seconds for operator $2 (NULL: for the first operator), instead of any before it. Cost: one row.
INSERT INTO operator_links (digest, operator_id, expires_at)
VALUES ($1, $2, statement_timestamp() + make_interval(secs => $3))
ON CONFLICT (COALESCE(operator_id, '')) DO UPDATE SET digest = EXCLUDED.digest, expires_at = EXCLUDED.expires_at
RETURNING expires_at
