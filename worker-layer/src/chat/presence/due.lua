-- Notes when to look at users next.
--
-- KEYS[1] chat:presence
-- ARGV[1] in how many microseconds  ARGV[2] `` to set it, `LT` to keep what is sooner  ARGV[3…] the users
-- Result: nothing
--
-- A script, so that all go by the clock of Redis.
local time = redis.call('TIME')
local at = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[1])
for index = 3, #ARGV do
    if ARGV[2] == '' then
        redis.call('ZADD', KEYS[1], at, ARGV[index])
    else
        redis.call('ZADD', KEYS[1], ARGV[2], at, ARGV[index])
    end
end
