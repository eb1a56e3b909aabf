-- Takes or renews the lease of the publisher, and tells where the store stands.
--
-- KEYS[1] {numbers}:publisher  KEYS[2] {numbers}:version  KEYS[3] {numbers}:epoch
-- ARGV[1] who asks  ARGV[2] how long the lease is to last, milliseconds
-- Result: {1 if the lease is held now by who asks, else 0; the newest version, 0 if there is none; the epoch, if any}
--
-- Atomic, so that two workers never both take it, and nobody renews a lease that has passed to another.
local held = 0
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
    -- Not SET, which is refused when Redis is out of memory.
    held = redis.call('PEXPIRE', KEYS[1], ARGV[2])
elseif not holder then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    held = 1
end
return { held, redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[3]) or '' }
