-- How every gate stands to revision $1; a row without a gate where there is none. `known_to_all`: no gate can hold a
-- lease that is not known here. Guarantee: one snapshot. Cost: one row for each gate.
SELECT c.rev AS head, s.longest_lease_ms,
       (s.settled_epoch, s.settled_timeline) IS NOT DISTINCT FROM (c.epoch, feed_timeline()) AS known_to_all,
       encode(r.gate_id, 'hex') AS gate, r.machine, r.stale_after_ms, r.stale_policy, r.lapsed,
       (r.epoch, r.timeline) IS NOT DISTINCT FROM (c.epoch, feed_timeline()) AND r.applied_rev >= $1::bigint AS applied
FROM feed_clock c
CROSS JOIN feed_state s
LEFT JOIN receipts r ON NOT (r.lapsed AND r.stale_policy = 'deny')
ORDER BY r.machine, r.gate_id
