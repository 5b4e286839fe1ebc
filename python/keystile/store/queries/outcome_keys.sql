-- The clock, and which of the keys $1 there are in tenant $2, or (NULL) in any. Cost: one probe for each key.
SELECT statement_timestamp() AS now,
       ARRAY(SELECT id FROM keys WHERE id = ANY ($1::text[]) AND ($2::text IS NULL OR tenant = $2)) AS known
