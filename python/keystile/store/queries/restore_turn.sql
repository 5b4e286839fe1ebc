-- Whether no other session restores database $1; then none does until this one ends. Cost: one lock.
SELECT pg_try_advisory_lock(hashtextextended('keystile restore ' || $1::text, 0))
