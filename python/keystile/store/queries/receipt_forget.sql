-- Forgets the gates without a lease that were not seen for $1 seconds. Their usage stays. Cost: one row for each gate.
DELETE FROM receipts WHERE lapsed AND seen_at < clock_timestamp() - make_interval(secs => $1::float8)
