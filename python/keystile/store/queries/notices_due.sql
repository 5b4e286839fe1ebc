-- Whether nobody has looked for what is to be told within $1 seconds. Cost: one row.
SELECT at <= statement_timestamp() - make_interval(secs => $1::float8) FROM watches WHERE name = 'notices'
