-- Removes a webhook, in one tenant or (NULL) in any. What there is of its deliveries is never sent, and left to the
-- housekeeper, like its notices. Cost: one row.
DELETE FROM webhooks WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
