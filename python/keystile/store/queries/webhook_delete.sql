-- Removes a webhook, in one tenant or (NULL) in any, with all that was delivered to it or waits. What a change of a key
-- writes at this moment is left to the housekeeper, and never sent. Cost: its deliveries.
WITH gone AS (
    DELETE FROM webhooks WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) RETURNING id
), notices AS (
    DELETE FROM webhook_notices WHERE webhook_id IN (SELECT id FROM gone)
)
DELETE FROM webhook_deliveries WHERE webhook_id IN (SELECT id FROM gone)
