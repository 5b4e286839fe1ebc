-- The partitions of table $1, each as long as $2, that end by date $3, oldest first. Those that were made by hand, under
-- a name of another form, are nobody's to drop. Cost: the table's partitions.
SELECT c.relname AS name
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass($1::text) AND c.relname ~ ('^' || $1::text || '_[0-9]{8}$')
      AND right(c.relname, 8)::date + ($2::text)::interval <= $3::date
ORDER BY c.relname
