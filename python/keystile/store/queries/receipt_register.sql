-- Registers gate $1, or registers it again. Guarantee: a lease that an agent before this one gave is still reckoned
-- with, and nothing counts as applied until the gate reports. Cost: two rows.
WITH longest AS (
    UPDATE feed_state SET longest_lease_ms = $4 WHERE longest_lease_ms < $4::bigint
)
INSERT INTO receipts AS r (gate_id, machine, version, stale_after_ms, stale_policy) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (gate_id) DO UPDATE
SET machine = EXCLUDED.machine, version = EXCLUDED.version, stale_policy = EXCLUDED.stale_policy,
    stale_after_ms = GREATEST(r.stale_after_ms, EXCLUDED.stale_after_ms), seen_at = clock_timestamp(),
    reports = r.reports + 1, epoch = NULL, timeline = 0, applied_rev = 0, lapsed = false
