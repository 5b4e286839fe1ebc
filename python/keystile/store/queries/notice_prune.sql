-- Forgets up to $2 notices, of all tenants, that are $1 seconds old. Cost: what it removes.
DELETE FROM webhook_notices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM webhook_notices
    WHERE at < statement_timestamp() - make_interval(secs => $1::float8)
    LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
