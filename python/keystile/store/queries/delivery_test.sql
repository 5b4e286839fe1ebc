-- Puts a `webhook.test` for webhook $1, in one tenant or (NULL) in any, into the outbox. Cost: one row.
INSERT INTO webhook_deliveries (webhook_id, tenant, event, payload)
SELECT id, tenant, 'webhook.test',
       jsonb_build_object('type', 'webhook.test', 'timestamp', webhook_time(statement_timestamp()),
                          'data', jsonb_build_object('webhook', jsonb_build_object('id', id, 'tenant', tenant)))::text
FROM webhooks WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
RETURNING id, webhook_id, key_id, event, status, attempts, due_at AS next_attempt_at, last_attempt_at, last_status,
          last_error, created_at, ended_at
