-- Applies a piece of the difference between what is listed of a watcher and the list that was fetched from it.
--
-- ARGV[3] the address  ARGV[4] the word with which it was taken  ARGV[5] the instance
-- ARGV[6] the number up to which the fetched list has all operations
-- ARGV[7] an empty text; or, if that number is below what is known, how often the watcher had said something before
-- Then two for each name: `+` it is in the list, `-` it is not, `=` it is in both; the name.
-- Result: 1 if it was applied; 0 if the list is out of date, or the address is another's to fetch from by now; -1 if there
-- are too many files
--
-- Atomic, because what came by operations meanwhile is newer than the list: each name is compared and changed in one step.
local HEAD = 7
local address, token, instance, seqno = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local is_step_back = ARGV[7] ~= ''

local watcher = redis.call('GET', fetch_of(address)) == token and find(instance)
if not watcher then
    return 0
end
-- A number that goes back is believed only if nothing came in between. And whether a name that is listed nowhere was
-- removed after the list was made, is known only for the newest removals.
if is_step_back and whole(watcher.turn) ~= ARGV[7] or not is_step_back and seqno < watcher.floor then
    return 0
end
redis.call('PEXPIRE', fetch_of(address), LIMIT.lease_ms)
redis.call('ZADD', DUE, now_ms + LIMIT.lease_ms, address)

local names, removed = names_of(watcher.number), removed_of(watcher.number)
for at = HEAD + 1, #ARGV, 2 do
    local sign, name = ARGV[at], ARGV[at + 1]
    local listed = redis.call('HGET', names, name)
    if sign == '+' then
        local removal = not listed and redis.call('ZSCORE', removed, name)
        local is_newer = removal and tonumber(removal) > seqno and not is_step_back
        if not listed and not is_newer and not add(watcher, name, seqno) then
            commit()
            return -1
        end
    elseif listed and (is_step_back or tonumber(listed) <= seqno) then
        if sign == '-' then
            remove(watcher, name)
        else
            redis.call('HSET', names, name, seqno)
        end
    end
end
commit()
return 1
