-- For this transaction: plan for the table as it is. A plan kept from when the table was small would read all of
-- it, and an import lets it grow a hundredfold within minutes. And plan for this process alone: a thousand probes are
-- done before another process has begun. Cost: none.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('max_parallel_workers_per_gather', '0', true)
