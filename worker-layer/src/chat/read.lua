-- Moves forward how far one side of a conversation has read, or received.
--
-- KEYS[1] chat:{c:…}:meta  KEYS[2] chat:{c:…}:messages
-- ARGV[1] the side, `a` or `b`  ARGV[2] up to which message  ARGV[3] `read`; `got` if it was only received
-- Result: {} if there is no such conversation; else {the newest message; for `a` and then `b`: up to which message it has
-- read, how many messages of the other side there are up to there, up to which message it has received}
--
-- Atomic, so that it never moves back, and the count fits the message.
local newest = redis.call('HGET', KEYS[1], 'seq')
if not newest then
    return {}
end
local side, kind = ARGV[1], ARGV[3]
local before = tonumber(redis.call('HGET', KEYS[1], kind .. '_' .. side) or 0)
local wanted = math.min(tonumber(ARGV[2]), tonumber(newest))
if wanted > before then
    local at = string.format('%.0f', wanted)
    redis.call('HSET', KEYS[1], kind .. '_' .. side, at)
    if kind == 'read' then
        local stored = redis.call('XRANGE', KEYS[2], at .. '-0', at .. '-0')[1][2]
        redis.call('HSET', KEYS[1], 'met_' .. side, side == 'a' and stored[10] or stored[8])
    end
end
local kept = redis.call('HMGET', KEYS[1], 'read_a', 'met_a', 'got_a', 'read_b', 'met_b', 'got_b')
local result = { newest }
for index = 1, 6 do
    result[index + 1] = kept[index] or '0'
end
return result
