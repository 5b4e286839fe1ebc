-- Forgets buckets that are full again, which is what an absent one is. Cost: as many rows, at most 100.
DELETE FROM sign_in_buckets
WHERE bucket IN (SELECT bucket FROM sign_in_buckets WHERE tat <= statement_timestamp() LIMIT 100 FOR UPDATE SKIP LOCKED)
