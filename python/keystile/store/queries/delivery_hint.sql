-- Has every courier look at the outbox as soon as this transaction is committed. Cost: none to speak of.
SELECT pg_notify('keystile_webhooks', '')
