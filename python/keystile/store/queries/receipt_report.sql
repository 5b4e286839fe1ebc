-- A gate's poll, which is its receipt too: gate $1 has applied revision $4, stamped $5, of epoch $2 and timeline $3.
-- $6: the length of its lease, NULL while it may still hold one of another length. $7: whether its revocations are on
-- its disk.
-- Guarantee: one snapshot, one row comes back, and what is noted as applied is this database's own history. A gate
-- that is not registered, or no longer, is told so and noted nowhere. Cost: one row written, one probe of changes,
-- and one row read for each gate.
WITH clock AS (
    SELECT c.epoch, c.rev AS head, feed_timeline() AS timeline, s.quarantined_since, s.needed_epoch, s.needed_rev,
           (s.settled_epoch, s.settled_timeline) IS NOT DISTINCT FROM (c.epoch, feed_timeline()) AS settled,
           (SELECT min(at) FROM changes WHERE rev = $4::bigint) AS stamp
    FROM feed_clock c CROSS JOIN feed_state s
), reported AS (
    UPDATE receipts r
    SET seen_at = clock_timestamp(), reports = r.reports + 1, epoch = $2, timeline = $3,
        applied_rev = CASE WHEN $7::boolean AND clock.epoch = $2::uuid AND clock.timeline = $3::bigint AND clock.head >= $4
                                AND clock.stamp IS NOT DISTINCT FROM $5::timestamptz THEN $4 ELSE 0 END,
        stale_after_ms = COALESCE($6::bigint, r.stale_after_ms)
    FROM clock WHERE r.gate_id = $1 AND NOT r.lapsed
    RETURNING r.applied_rev
)
SELECT clock.*, clock_timestamp() AS now, EXISTS (SELECT FROM reported) AS registered,
       CASE WHEN clock.settled THEN 0
            ELSE (SELECT count(*) FROM receipts r
                  WHERE r.gate_id <> $1 AND NOT r.lapsed
                        AND (r.epoch, r.timeline) IS DISTINCT FROM (clock.epoch, clock.timeline)) END AS absent
FROM clock
