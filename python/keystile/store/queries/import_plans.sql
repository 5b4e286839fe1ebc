-- For this transaction: plan for the table as it is. A plan kept from when the table was small would read all of
-- it, and an import lets it grow a hundredfold within minutes. Cost: none.
SET LOCAL plan_cache_mode = force_custom_plan
