-- The quarantine; no row if there is none. Cost: one row.
SELECT quarantined_since, needed_epoch, needed_rev FROM feed_state WHERE quarantined_since IS NOT NULL
