-- Takes one guess from a bucket that gains one each $2 seconds and holds $3 (GCRA); no row when none is left.
-- Cost: one row.
INSERT INTO sign_in_buckets AS b (bucket, tat) VALUES ($1, statement_timestamp() + make_interval(secs => $2))
ON CONFLICT (bucket) DO UPDATE SET tat = GREATEST(b.tat, statement_timestamp()) + make_interval(secs => $2)
WHERE GREATEST(b.tat, statement_timestamp()) + make_interval(secs => $2)
      <= statement_timestamp() + make_interval(secs => $2 * $3)
RETURNING true
