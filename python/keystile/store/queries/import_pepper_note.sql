-- Notes that keys are imported under a pepper. To be called before they are added, in the same transaction. Guarantee:
-- a pepper that keys were imported under stands there. Cost: one index probe, and one row for each pepper.
INSERT INTO import_peppers (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING
