-- Forgets up to $2 notices, of all tenants, that are $1 seconds old. Cost: what it removes.
DELETE FROM webhook_notices WHERE (webhook_id, event, key_id, mark) IN (
    SELECT webhook_id, event, key_id, mark FROM webhook_notices
    WHERE at < statement_timestamp() - make_interval(secs => $1::float8)
    LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
