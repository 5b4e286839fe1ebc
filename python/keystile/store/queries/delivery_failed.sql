-- Notes that attempt $2 of delivery $1 failed, with status $3 (NULL: none came) and in words $4. It is tried again
-- after $5 seconds; NULL: never, and the next one of the same key may go. Gives since when the webhook fails.
-- Guarantee: nothing changes, and nothing is given, if another attempt was begun since. Cost: up to three rows. The
-- webhook is locked first.
WITH held AS (
    SELECT w.id, w.failing_since FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
    WHERE d.id = $1 FOR NO KEY UPDATE OF w
), tried AS (
    UPDATE webhook_deliveries
    SET status = CASE WHEN $5::float8 IS NULL THEN 'failed' ELSE 'waiting' END,
        ended_at = CASE WHEN $5 IS NULL THEN statement_timestamp() END,
        due_at = statement_timestamp() + make_interval(secs => COALESCE($5, 0)),
        trying = false, failures = failures + 1, last_status = $3::integer, last_error = $4
    WHERE id = $1 AND attempts = $2::integer AND status = 'waiting' AND webhook_id IN (SELECT id FROM held)
    RETURNING webhook_id, key_id, seq
), ill AS (
    UPDATE webhooks SET failing_since = statement_timestamp()
    WHERE id IN (SELECT webhook_id FROM tried) AND failing_since IS NULL
), freed AS (
    UPDATE webhook_deliveries SET due_at = statement_timestamp() WHERE $5 IS NULL AND id = (
        SELECT n.id FROM tried JOIN webhook_deliveries n ON n.webhook_id = tried.webhook_id AND n.key_id = tried.key_id
        WHERE n.status = 'waiting' AND n.seq > tried.seq ORDER BY n.seq LIMIT 1)
)
SELECT COALESCE(held.failing_since, statement_timestamp()) FROM held JOIN tried ON tried.webhook_id = held.id
