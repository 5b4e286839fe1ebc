-- Takes deliveries of all tenants that are due: at most $1, and of each webhook at most $2, less those that the caller
-- has under way ($4 of the webhook in $3), and gives them to the caller for $5 seconds. Who has not reported by then is
-- taken for dead.
-- Guarantee: no other caller gets them meanwhile, and of one webhook and key only the first that waits is ever given;
-- one behind it is put off until the first is due, or for two seconds while an attempt at the first is being made.
-- `key.revoked` goes before all that is due of a webhook, but leaves one place to the others: it may be behind them.
-- Cost: probes for each webhook for which something waits, and one row for each delivery taken; nothing is waited for.
WITH RECURSIVE found (id) AS (
    (SELECT webhook_id FROM webhook_deliveries WHERE status = 'waiting' ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT webhook_id FROM webhook_deliveries WHERE status = 'waiting' AND webhook_id > found.id
            ORDER BY webhook_id LIMIT 1)
    FROM found WHERE found.id IS NOT NULL
), due AS (
    SELECT d.id, d.seq, d.webhook_id, d.key_id
    FROM (SELECT id, COALESCE(u.number, 0) AS under_way
          FROM webhooks JOIN found USING (id) LEFT JOIN unnest($3::text[], $4::bigint[]) AS u (id, number) USING (id)
          WHERE NOT disabled AND COALESCE(u.number, 0) < $2::bigint ORDER BY random()) w
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT id, seq, webhook_id, key_id FROM webhook_deliveries
            WHERE webhook_id = w.id AND status = 'waiting' AND event = 'key.revoked' AND due_at <= statement_timestamp()
            ORDER BY due_at, seq LIMIT GREATEST($2 - w.under_way - 1, 1) FOR UPDATE SKIP LOCKED
        ) urgent
        UNION ALL
        SELECT * FROM (
            SELECT id, seq, webhook_id, key_id FROM webhook_deliveries
            WHERE webhook_id = w.id AND status = 'waiting' AND event <> 'key.revoked' AND due_at <= statement_timestamp()
            ORDER BY due_at, seq LIMIT $2 - w.under_way FOR UPDATE SKIP LOCKED
        ) other
        LIMIT $2 - w.under_way
    ) d
    LIMIT $1::bigint
), judged AS (
    SELECT due.id, first.due_at AS first_due_at
    FROM due LEFT JOIN LATERAL (
        SELECT f.due_at FROM webhook_deliveries f
        WHERE f.webhook_id = due.webhook_id AND f.key_id = due.key_id AND f.status = 'waiting' AND f.seq < due.seq
        ORDER BY f.seq LIMIT 1
    ) first ON true
)
UPDATE webhook_deliveries d
SET due_at = CASE WHEN judged.first_due_at IS NULL THEN statement_timestamp() + make_interval(secs => $5::float8)
                  WHEN judged.first_due_at <= statement_timestamp() + make_interval(secs => $5)
                  THEN statement_timestamp() + interval '2 seconds'
                  ELSE judged.first_due_at END,
    trying = judged.first_due_at IS NULL,
    attempts = d.attempts + (judged.first_due_at IS NULL)::integer,
    last_attempt_at = CASE WHEN judged.first_due_at IS NULL THEN statement_timestamp() ELSE d.last_attempt_at END
FROM judged, webhooks w
WHERE d.id = judged.id AND w.id = d.webhook_id
RETURNING judged.first_due_at IS NULL AS claimed, d.id, d.webhook_id, d.tenant, d.payload, d.attempts AS attempt,
          d.failures, w.url, w.secret,
          CASE WHEN w.previous_secret_expires_at > statement_timestamp() THEN w.previous_secret END AS previous_secret
