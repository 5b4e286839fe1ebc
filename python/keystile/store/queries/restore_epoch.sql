-- Begins a new epoch of the feed, so that every gate loads everything. Cost: one row.
UPDATE feed_clock SET epoch = gen_random_uuid()
