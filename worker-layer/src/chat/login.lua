-- Keeps the name of a user as it was typed, and tells where the user's log stands.
--
-- KEYS[1] chat:{u:…}:meta
-- ARGV[1] the name as it was typed; '' to leave it  ARGV[2] an epoch, in case the user has no log yet
-- Result: {the newest cursor, time in ms}
--
-- Atomic, so that of two who come first only one begins the log.
local epoch, position = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'position'))
local time = redis.call('TIME')
if not epoch then
    epoch, position = ARGV[2], string.format('%.0f', time[1] * 1000000 + time[2])
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'position', position)
end
if ARGV[1] ~= '' then
    redis.call('HSET', KEYS[1], 'name', ARGV[1])
end
return { epoch .. '-' .. position, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) }
