-- What a gate has applied stands in its receipt, and nobody asked when it was first seen. `machine` and `last_seen`
-- stay, for people: they alone tell of which machine a mark in `usage_marks` is, and whether it still counts.
ALTER TABLE gates DROP COLUMN applied_rev, DROP COLUMN first_seen;
