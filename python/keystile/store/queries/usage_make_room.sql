-- Partitions for today, tomorrow and the dates $1, of which $2 (by hour) and $3 (by day) are kept. Cost: a look-up for
-- each that is there; one that is not is made, without hindering anybody.
SELECT usage_make_room($1, $2, $3)
