-- Fingerprints of the peppers under which keys were imported. Tenants: none, as nothing of a key is in it. Cost: one
-- small table, a row for each pepper that there ever was.
SELECT fingerprint FROM import_peppers
