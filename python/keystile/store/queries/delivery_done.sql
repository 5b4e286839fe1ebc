-- Notes that attempt $2 of delivery $1 was answered with status $3, and lets the next one of the same key go.
-- Guarantee: nothing changes if another attempt was begun since. Cost: up to three rows. The webhook is locked first.
WITH held AS (
    SELECT w.id, w.failing_since FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
    WHERE d.id = $1 FOR NO KEY UPDATE OF w
), ended AS (
    UPDATE webhook_deliveries
    SET status = 'delivered', ended_at = statement_timestamp(), trying = false, last_status = $3, last_error = NULL
    WHERE id = $1 AND attempts = $2::integer AND status = 'waiting' AND webhook_id IN (SELECT id FROM held)
    RETURNING webhook_id, key_id, seq
), well AS (
    UPDATE webhooks SET failing_since = NULL
    WHERE id IN (SELECT webhook_id FROM ended) AND failing_since IS NOT NULL
)
UPDATE webhook_deliveries SET due_at = statement_timestamp() WHERE id = (
    SELECT n.id FROM ended JOIN webhook_deliveries n ON n.webhook_id = ended.webhook_id AND n.key_id = ended.key_id
    WHERE n.status = 'waiting' AND n.seq > ended.seq ORDER BY n.seq LIMIT 1)
