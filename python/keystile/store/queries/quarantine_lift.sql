-- Ends the quarantine; no row if there is none. Cost: one row.
UPDATE feed_state SET quarantined_since = NULL, needed_epoch = NULL, needed_rev = NULL
WHERE quarantined_since IS NOT NULL RETURNING one
