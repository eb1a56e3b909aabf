-- Gives the lease of the publisher back, so that another worker takes it at once: Redis notifies of the deletion.
--
-- KEYS[1] {numbers}:publisher
-- ARGV[1] who asks
-- Result: 1 if it was held, else 0
--
-- Atomic, so that nobody deletes the lease of another who has taken it meanwhile.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
