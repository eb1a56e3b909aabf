-- Stores a message of a conversation, unless it is there.
--
-- KEYS[1] chat:{c:…}:meta  KEYS[2] chat:{c:…}:messages  KEYS[3] chat:{c:…}:ids
-- ARGV[1] the side that writes, `a` or `b`  ARGV[2] the id of the message, given by its client
-- ARGV[3] `"from":…,"from_name":…` as JSON  ARGV[4] `"text":…,"message_id":…`, and `"picture":…` if it has one, as JSON
-- Result: {} if this side has another message with this id; else {seq, time in ms, ARGV[3] and ARGV[4] as they are stored,
-- how many messages `a` has written up to this one, how many `b`}
--
-- Atomic, so that of two who send the same message at the same time one stores it and both get the same answer, and so that
-- numbers are given out once and without a hole.
local side = ARGV[1]
local id = side .. ':' .. ARGV[2]
local known = redis.call('HGET', KEYS[3], id)
if known then
    local stored = redis.call('XRANGE', KEYS[2], known .. '-0', known .. '-0')[1][2]
    if stored[6] ~= ARGV[4] then
        return {}
    end
    return { known, stored[2], stored[4], stored[6], stored[8], stored[10] }
end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HINCRBY', KEYS[1], side, 1)
local counts = redis.call('HMGET', KEYS[1], 'a', 'b')
local a, b = counts[1] or '0', counts[2] or '0'
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
seq = string.format('%.0f', seq)
redis.call('XADD', KEYS[2], seq .. '-0', 'ms', now_ms, 'by', ARGV[3], 'said', ARGV[4], 'a', a, 'b', b)
redis.call('HSET', KEYS[3], id, seq)
return { seq, now_ms, ARGV[3], ARGV[4], a, b }
