-- Ends the epoch, and what is known here of gates, which is as old as the backup. Cost: one row for each gate.
WITH gone AS (
    UPDATE receipts SET lapsed = true
)
UPDATE feed_clock SET epoch = gen_random_uuid()
