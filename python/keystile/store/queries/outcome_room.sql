-- Partitions for outcomes of the dates $1. Cost: a look-up for each that is there.
SELECT usage_partition('usage_outcomes', 'day', day) FROM unnest($1::date[]) AS day
