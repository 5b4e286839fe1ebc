-- Every gate and how often it has reported, with how long any lease may last. Cost: one row for each.
SELECT r.gate_id, r.machine, r.version, r.stale_after_ms, r.stale_policy, r.registered_at, r.seen_at, r.reports,
       r.applied_rev, r.lapsed, s.longest_lease_ms
FROM receipts r CROSS JOIN feed_state s ORDER BY r.registered_at, r.gate_id
