-- Whether nobody has looked for findings within $1 seconds. Cost: one row.
SELECT at <= statement_timestamp() - $1::double precision * interval '1 second' FROM watches WHERE name = 'findings'
