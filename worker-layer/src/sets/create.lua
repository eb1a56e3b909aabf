-- Creates a set, unless it is there.
--
-- KEYS[1] set:{ID}:meta
-- ARGV[1] its name  ARGV[2] its epoch
-- Result: {1 if it was created now, else 0; its name; its newest cursor; when it was created, ms}
--
-- Atomic, so that of two who create the same set only one does, and both learn the same of it.
local name, epoch, position, created_ms =
    unpack(redis.call('HMGET', KEYS[1], 'name', 'epoch', 'position', 'created_ms'))
if epoch then
    return { 0, name, epoch .. '-' .. position, created_ms }
end
local time = redis.call('TIME')
position = string.format('%.0f', time[1] * 1000000 + time[2])
created_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'epoch', ARGV[2], 'position', position, 'created_ms', created_ms)
return { 1, ARGV[1], ARGV[2] .. '-' .. position, created_ms }
