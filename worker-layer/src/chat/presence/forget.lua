-- Looks no more at users who have gone.
--
-- KEYS[1] chat:presence
-- ARGV[1] when they are due, as `take.lua` said it  ARGV[2…] the users
-- Result: nothing
--
-- Atomic, so that whoever came back since, and has another time because of that, stays.
for index = 2, #ARGV do
    local at = redis.call('ZSCORE', KEYS[1], ARGV[index])
    if at and tonumber(at) == tonumber(ARGV[1]) then
        redis.call('ZREM', KEYS[1], ARGV[index])
    end
end
