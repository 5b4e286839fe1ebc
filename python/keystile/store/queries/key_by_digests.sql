-- The keys of all tenants whose secret, or the one before it, has a digest in $1, with the digest that was found; nobody
-- else can change or lock them until this transaction ends. Whoever asks has seen the secrets.
-- Cost: two index probes for each digest, one row lock for each key. Keys are locked in order.
SELECT id, digest = ANY ($1::bytea[]) AS is_current, digest, previous_digest
FROM keys
WHERE id IN (SELECT id FROM keys WHERE digest = ANY ($1)
             UNION SELECT id FROM keys WHERE previous_digest = ANY ($1))
ORDER BY id
FOR NO KEY UPDATE
