-- How many flushes of gate $1 are stored. Cost: one row.
SELECT COALESCE((SELECT flushes FROM gates WHERE id = $1), 0)
