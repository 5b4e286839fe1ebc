-- A token bucket as it is usually written for Redis and Valkey: one hash per key, the server's clock.
-- KEYS[1]: the bucket. ARGV: tokens per second, burst, tokens to take. Returns 1 if they were taken.
local time = redis.call("TIME")
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call("HMGET", KEYS[1], "tokens", "at")
local tokens = math.min(burst, tonumber(held[1] or burst) + (now - tonumber(held[2] or now)) * rate)
if tokens < cost then
  return 0
end
redis.call("HSET", KEYS[1], "tokens", tokens - cost, "at", now)
redis.call("EXPIRE", KEYS[1], math.ceil(burst / rate) + 1)
return 1
