-- Uses of scopes are noted without a gap from now on only. Cost: one row.
UPDATE watches SET at = statement_timestamp() WHERE name = 'scopes'
