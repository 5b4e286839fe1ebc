-- Waits until no other batch of tenant $1 is being counted. Guarantee: until the transaction ends, none is. Cost: one
-- lock.
SELECT pg_advisory_xact_lock(hashtextextended('keystile outcomes ' || $1::text, 0))
