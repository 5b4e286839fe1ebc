-- Ends epoch $1, so that every gate loads everything again. Guarantee: only once, however many ask. Cost: one row.
UPDATE feed_clock SET epoch = gen_random_uuid() WHERE epoch = $1
