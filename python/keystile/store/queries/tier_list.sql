-- The tiers in their configured order. Cost: at most 64 rows.
SELECT name, rate, burst FROM tiers ORDER BY position, name
