-- Seconds until a bucket that gains a guess each $2 seconds and holds $3 has one again. Cost: one index probe.
SELECT GREATEST(0, extract(epoch FROM tat - statement_timestamp()) + $2 - $2 * $3)::float8
FROM sign_in_buckets WHERE bucket = $1
