-- How many active keys of tenant $1 one kind of advice is about. Cost: that of its rule for all of the tenant's keys.
SELECT ':kind' AS kind, count(*) AS keys FROM (:rule) AS found
