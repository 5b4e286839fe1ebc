-- Notes that a gate lives and what it has applied. Guarantee: the row stays locked until the transaction ends,
-- so two agents of one gate take turns. NULL as $3 leaves the applied revision as it is. Cost: one row.
INSERT INTO gates AS g (id, machine, applied_rev) VALUES ($1, $2, COALESCE($3::bigint, 0))
ON CONFLICT (id) DO UPDATE
SET machine = EXCLUDED.machine, last_seen = clock_timestamp(), applied_rev = COALESCE($3, g.applied_rev)
