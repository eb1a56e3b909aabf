-- Gives out the version of the listing that is about to be read.
--
-- KEYS[1] {numbers}:publisher  KEYS[2] {numbers}:version
-- ARGV[1] who asks  ARGV[2] the newest version that it has seen
-- Result: the version, or false if the lease is another's
--
-- Atomic, so that every version is given out once, and only to the holder. Versions are also microseconds, so they grow
-- even when Redis has lost the last one. `%.0f` because Lua would write 1.7e+15.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return false
end
local now = redis.call('TIME')
local version = math.max(
    tonumber(redis.call('GET', KEYS[2]) or '0') + 1,
    tonumber(ARGV[2]) + 1,
    now[1] * 1000000 + now[2])
version = string.format('%.0f', version)
redis.call('SET', KEYS[2], version)
return version
