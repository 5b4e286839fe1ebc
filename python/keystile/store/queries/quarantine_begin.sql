-- Begins the quarantine; one that lasts already keeps its beginning. Cost: one row.
UPDATE feed_state SET quarantined_since = COALESCE(quarantined_since, clock_timestamp()), needed_epoch = $1::uuid,
                      needed_rev = $2::bigint
