-- Deletes a set, and tells whoever watches it.
--
-- KEYS[1] set:{ID}:meta  KEYS[2] set:{ID}:elements  KEYS[3] set:{ID}:tombstones  KEYS[4] set:{ID}:log
-- ARGV[1] the channel of its topic  ARGV[2] the push, as one line
-- Result: 1 if it was there, else 0
--
-- Atomic, so that nobody sees half of it, and that the deletion is published before whatever a new set of that id publishes.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
redis.call('UNLINK', unpack(KEYS))
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
