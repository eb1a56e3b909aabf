-- Publishes a listing, if nobody has begun a newer one.
--
-- KEYS[1] {numbers}:publisher  KEYS[2] {numbers}:version
-- ARGV[1] who asks  ARGV[2] the version of the listing  ARGV[3] the channel  ARGV[4] the push, as one line
-- Result: 1 if it was published, 0 if the lease or the version is another's
--
-- Atomic, so that a worker that slept over the end of its lease cannot publish an old listing after a newer one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then
    return 0
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
