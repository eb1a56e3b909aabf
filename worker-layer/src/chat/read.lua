-- Moves forward how far one side of a conversation has read.
--
-- KEYS[1] chat:{c:…}:meta  KEYS[2] chat:{c:…}:messages
-- ARGV[1] the side that has read, `a` or `b`  ARGV[2] up to which message
-- Result: {} if there is no such conversation; else {the newest message; for `a` and then `b`: up to which message it has
-- read, how many messages of the other side there are up to there}
--
-- Atomic, so that it never moves back, and the count fits the message.
local newest = redis.call('HGET', KEYS[1], 'seq')
if not newest then
    return {}
end
local side = ARGV[1]
local before = tonumber(redis.call('HGET', KEYS[1], 'read_' .. side) or 0)
local wanted = math.min(tonumber(ARGV[2]), tonumber(newest))
if wanted > before then
    local at = string.format('%.0f', wanted)
    local stored = redis.call('XRANGE', KEYS[2], at .. '-0', at .. '-0')[1][2]
    redis.call('HSET', KEYS[1], 'read_' .. side, at, 'met_' .. side, side == 'a' and stored[10] or stored[8])
end
local kept = redis.call('HMGET', KEYS[1], 'read_a', 'met_a', 'read_b', 'met_b')
return { newest, kept[1] or '0', kept[2] or '0', kept[3] or '0', kept[4] or '0' }
