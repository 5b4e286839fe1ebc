-- One of the tiers $1 that a key still has which is not revoked. Cost: the whole table; asked only on removal.
SELECT tier FROM keys WHERE revoked_at IS NULL AND tier = ANY ($1::text[]) LIMIT 1
