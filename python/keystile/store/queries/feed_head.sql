-- The clock and the server's state. Cost: one row.
SELECT epoch, rev, clock_timestamp() AS now, pg_is_in_recovery() AS replica,
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END AS timeline
FROM feed_clock
