-- Whether there is any operator at all. Cost: one row.
SELECT EXISTS (SELECT FROM operators)
