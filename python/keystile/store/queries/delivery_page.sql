-- Deliveries of webhook $1, in one tenant or (NULL) in any, newest first, before the place $3; with status $4 (NULL:
-- with any).
-- Guarantee: following the places shows each once. Cost: one index range; with a status it passes over the others.
SELECT seq, id, webhook_id, key_id, event, status, attempts,
       CASE WHEN status = 'waiting' THEN due_at END AS next_attempt_at,
       last_attempt_at, last_status, last_error, created_at, ended_at
FROM webhook_deliveries
WHERE webhook_id = $1 AND ($2::text IS NULL OR tenant = $2) AND ($3::bigint IS NULL OR seq < $3)
  AND ($4::text IS NULL OR status = $4)
ORDER BY seq DESC
LIMIT $5
