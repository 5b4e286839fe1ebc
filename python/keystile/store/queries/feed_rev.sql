-- The clock's revision as this transaction sees it. Cost: one row.
SELECT rev FROM feed_clock
