-- Every gate that ever reported. Cost: one row for each.
SELECT id, machine, first_seen, last_seen, applied_rev FROM gates ORDER BY first_seen, id
