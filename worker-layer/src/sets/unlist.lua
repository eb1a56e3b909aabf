-- Takes ids of sets that are gone out of the index.
--
-- KEYS[1] the index
-- ARGV[1…] for each its id, and the score that it had when the set was seen to be gone
-- Result: how many were taken out
--
-- Atomic, because a set of the same id may be created meanwhile: its score is another, later one, and it must stay.
local gone = 0
for at = 1, #ARGV, 2 do
    if redis.call('ZSCORE', KEYS[1], ARGV[at]) == ARGV[at + 1] then
        gone = gone + redis.call('ZREM', KEYS[1], ARGV[at])
    end
end
return gone
