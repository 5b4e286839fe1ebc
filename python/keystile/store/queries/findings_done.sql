-- Notes that findings were just looked for. Cost: one row.
UPDATE watches SET at = statement_timestamp() WHERE name = 'findings'
