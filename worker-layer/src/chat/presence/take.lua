-- Takes users whose time has come, and puts each off until the next time.
--
-- KEYS[1] chat:presence
-- ARGV[1] how many at most  ARGV[2] in how many microseconds they are due again
-- Result: {when that is, the users}; {} if none is due
--
-- Atomic, so that of many workers one takes each; and if that one dies, another one takes the user the next time.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local users = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, ARGV[1])
if #users == 0 then
    return {}
end
local at = string.format('%.0f', now + ARGV[2])
local again = {}
for index, user in ipairs(users) do
    again[2 * index - 1], again[2 * index] = at, user
end
redis.call('ZADD', KEYS[1], unpack(again))
table.insert(users, 1, at)
return users
