-- Tells those who watch a user when the user came or went.
--
-- KEYS[1] chat:{u:…}:meta
-- ARGV[1] the channel of the user's devices  ARGV[2] the channel of those who watch  ARGV[3] the user as JSON
-- ARGV[4] microseconds without a device after which the user has gone
-- Result: {`online`, `leaving` (online, but without a device for a moment) or `offline`, the version of that}
--
-- Atomic, so that however many settle the same user, each coming and going is told once and in order. A node subscribes to the
-- first channel exactly as long as a device of the user is connected to it: so Redis itself knows who is there, also after a node
-- has died.
local devices = redis.call('PUBSUB', 'NUMSUB', ARGV[1])[2]
local known = redis.call('HMGET', KEYS[1], 'online', 'told', 'left')
local was_online, told, left = known[1] == '1', tonumber(known[2] or 0), tonumber(known[3] or 0)
local is_online = devices > 0
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if is_online and left > 0 then
    redis.call('HDEL', KEYS[1], 'left')
end
if is_online == was_online then
    return { is_online and 'online' or 'offline', string.format('%.0f', told) }
end
if was_online and left == 0 then
    redis.call('HSET', KEYS[1], 'left', string.format('%.0f', now))
    left = now
end
-- A clock that was set back must not keep anybody online.
if was_online and now >= left and now - left < tonumber(ARGV[4]) then
    return { 'leaving', string.format('%.0f', told) }
end
local version = string.format('%.0f', math.max(told + 1, now))
redis.call('HSET', KEYS[1], 'online', is_online and '1' or '0', 'told', version)
redis.call('HDEL', KEYS[1], 'left')
redis.call('PUBLISH', ARGV[2], '{"body":{"type":"presence","users":[{"user":' .. ARGV[3] .. ',"online":'
    .. tostring(is_online) .. ',"version":' .. version .. '}]},"key":"presence","version":' .. version .. '}\n')
return { is_online and 'online' or 'offline', version }
