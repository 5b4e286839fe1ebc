-- Notes that gate $1 holds no lease, unless it has reported since its report number $2. Cost: one row.
UPDATE receipts SET lapsed = true WHERE gate_id = $1 AND reports = $2 AND NOT lapsed
