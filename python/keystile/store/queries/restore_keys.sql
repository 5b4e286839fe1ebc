-- How many keys there are. Cost: all keys.
SELECT count(*) FROM keys
