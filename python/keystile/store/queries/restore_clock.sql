-- How far the feed has come. Cost: one row.
SELECT epoch, rev FROM feed_clock
