-- The clock, the stamp of its revision and the server's state. Cost: one row and one probe.
SELECT epoch, rev, (SELECT min(at) FROM changes WHERE changes.rev = feed_clock.rev) AS stamp,
       clock_timestamp() AS now, pg_is_in_recovery() AS replica, feed_timeline() AS timeline
FROM feed_clock
