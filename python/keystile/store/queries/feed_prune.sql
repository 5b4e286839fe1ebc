-- Forgets changes older than $1 seconds, but never the newest: by it a gate knows whose history this is. A gate that
-- is further behind loads everything again. Cost: what it removes.
DELETE FROM changes
WHERE at < clock_timestamp() - make_interval(secs => $1::float8)
      AND rev < (SELECT min(rev) FROM (SELECT rev FROM changes
                                       WHERE at >= clock_timestamp() - make_interval(secs => $1::float8)
                                       UNION ALL SELECT max(rev) FROM changes) kept)
