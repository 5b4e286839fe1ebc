-- Counts a gate's flush, and notes when it was and on which machine. Guarantee: the row stays locked until the
-- transaction ends, so two agents of one gate take turns. Cost: one row.
INSERT INTO gates AS g (id, machine, flushes) VALUES ($1, $2, 1)
ON CONFLICT (id) DO UPDATE SET machine = EXCLUDED.machine, last_seen = clock_timestamp(), flushes = g.flushes + 1
RETURNING flushes
