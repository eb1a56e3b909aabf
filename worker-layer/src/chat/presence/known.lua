-- Finds those of some users with whom a user has a conversation.
--
-- KEYS[1] `chat:{u:…}:with:`, what the keys of conversations begin with: they are in the same slot
-- ARGV[1…] the users
-- Result: those of them
--
-- A script, so that a list of any length is one command.
local found = {}
for _, user in ipairs(ARGV) do
    if redis.call('EXISTS', KEYS[1] .. user) == 1 then
        found[#found + 1] = user
    end
end
return found
