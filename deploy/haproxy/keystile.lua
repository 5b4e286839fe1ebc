-- Keystile decides on requests before HAProxy passes them on: docs/integrations/haproxy.md.
--
--     global     lua-load /etc/haproxy/keystile.lua http://127.0.0.1:8080
--     backend    http-request lua.keystile PSA
--
-- A request passes only if this has set `txn.keystile_allowed`, which the backend's rules look for: whatever goes wrong
-- in here refuses.

local hub = ... or "http://127.0.0.1:8080"
local timeout_ms = 2000

-- For the client, with every answer; the backend's rules send them.
local told = {
    ["x-ratelimit-limit"] = "txn.keystile_limit",
    ["x-ratelimit-remaining"] = "txn.keystile_remaining",
    ["x-ratelimit-reset"] = "txn.keystile_reset",
    ["ratelimit-policy"] = "txn.keystile_policy",
    ["ratelimit"] = "txn.keystile_ratelimit",
}
-- For the client, with a refusal.
local explained = { "content-type", "cache-control", "retry-after", "www-authenticate", "x-request-id" }
-- For the application.
local identity = { "x-keystile-key-id", "x-keystile-tenant", "x-keystile-tier", "x-keystile-scopes" }

-- A header's values. HAProxy counts them from 0, and wants them counted from 1.
local function values(headers, name)
    local found, index = {}, 0
    while headers[name] and headers[name][index] do
        found[index + 1] = headers[name][index]
        index = index + 1
    end
    return found
end

local function ask(txn, scope)
    local headers = txn.http:req_get_headers()
    return core.httpclient():get({
        url = hub .. "/v1/authz?scope=" .. scope,
        headers = {
            -- All of them: two are refused.
            ["authorization"] = values(headers, "authorization"),
            ["x-request-id"] = values(headers, "x-request-id"),
            ["x-forwarded-for"] = { txn.sf:src() },
        },
        timeout = timeout_ms,
    })
end

local function refuse(txn, answer)
    local reply = txn:reply({ status = answer.status })
    for _, name in ipairs(explained) do
        for _, value in ipairs(values(answer.headers, name)) do
            reply:add_header(name, value)
        end
    end
    reply:set_body(answer.body)
    txn:done(reply)
end

core.register_action("keystile", { "http-req" }, function(txn, scope)
    local answer = ask(txn, scope)
    for name, variable in pairs(told) do
        local value = values(answer.headers or {}, name)[1]
        if value then txn:set_var(variable, value) end
    end
    if answer.status == 200 then
        for _, name in ipairs(identity) do
            txn.http:req_set_header(name, values(answer.headers, name)[1])
        end
        txn:set_var("txn.keystile_allowed", true)
        -- For the log.
        txn:set_var("txn.keystile_key_id", values(answer.headers, "x-keystile-key-id")[1])
    elseif values(answer.headers or {}, "x-keystile-problem")[1] then
        -- Keystile's own words, and not an error of somebody on the way to it.
        refuse(txn, answer)
    end
end, 1)
