-- Notes that what is to be told was just looked for. Cost: one row.
UPDATE watches SET at = statement_timestamp() WHERE name = 'notices'
