-- Today in UTC, by the database's clock. Cost: nothing is read.
SELECT utc_today()
