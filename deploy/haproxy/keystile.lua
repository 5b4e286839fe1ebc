-- Keystile decides on requests before HAProxy passes them on: docs/integrations/haproxy.md.
--
-- A request passes only if this has set `txn.keystile`: whatever goes wrong in here, the rules refuse it.

-- The listener `keystile`, which gives up in time. HAProxy's HTTP client by itself asks four times where it gets no
-- answer, and each of them could count.
local way = "abns@keystile"

-- For the client, with every answer; the rules send them.
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

local function ask(txn)
    local headers = txn.http:req_get_headers()
    return core.httpclient():get({
        url = "http://keystile/v1/authz?scope=" .. (txn:get_var("txn.keystile_scope") or ""),
        dst = way,
        headers = {
            -- All of them: two are refused.
            ["authorization"] = values(headers, "authorization"),
            ["x-request-id"] = values(headers, "x-request-id"),
            ["x-forwarded-for"] = { txn.sf:src() },
        },
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

core.register_action("keystile", { "http-req" }, function(txn)
    local answer = ask(txn)
    local headers = answer.headers or {}
    for name, variable in pairs(told) do
        local value = values(headers, name)[1]
        if value then txn:set_var(variable, value) end
    end
    if answer.status == 200 then
        for _, name in ipairs(identity) do
            txn.http:req_set_header(name, values(headers, name)[1])
        end
        txn:set_var("txn.keystile", "passed")
        -- For the log.
        txn:set_var("txn.keystile_key_id", values(headers, "x-keystile-key-id")[1])
    elseif values(headers, "x-keystile-problem")[1] then
        -- Keystile's own words, and not an error of somebody on the way to it.
        refuse(txn, answer)
    end
end)
