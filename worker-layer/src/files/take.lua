-- Takes addresses whose lists are to be fetched now, so that nobody else fetches from them meanwhile.
--
-- ARGV[3] a word that only this call knows  ARGV[4] how many at most, then IP addresses that are asked enough as it is
-- Result: {ms until the next one is due, at most a second; then five for each address: the address; the instance of its
-- watcher, and how far it is; the instance that contends for the address, or an empty text, and how far it is}. How far it is:
-- its newest operation, how often it said something, how often something was missed, parted by spaces.
--
-- Atomic, so that one worker fetches from an address, and knows how far its watcher was before.
local SCANNED = 64
local LATER_MS = 250
local token, wanted = ARGV[3], tonumber(ARGV[4])
local is_busy = {}
for at = 5, #ARGV do
    is_busy[ARGV[at]] = true
end

local function progress(watcher)
    return whole(watcher.seqno) .. ' ' .. whole(watcher.turn) .. ' ' .. whole(watcher.gaps)
end

-- Somebody changes something there: a check that has no cause may wait, because the original watcher does not stand it.
local function is_restless(watcher)
    return watcher.dirty_ms == 0 and now_ms - watcher.patched_ms < LIMIT.restless_ms
end

local taken = {}
local due = wanted > 0 and redis.call('ZRANGEBYSCORE', DUE, '-inf', now_ms, 'LIMIT', 0, SCANNED) or {}
for _, address in ipairs(due) do
    local instance = redis.call('HGET', ADDRESSES, address)
    local watcher = instance and find(instance)
    local contender = redis.call('HGET', CONTENDERS, address)
    local rival = contender and find(contender)
    if not watcher then
        redis.call('ZREM', DUE, address)
    elseif #taken >= 5 * wanted or is_busy[watcher.ip] or redis.call('EXISTS', fetch_of(address)) == 1 then
        redis.call('ZADD', DUE, now_ms + LATER_MS, address)
    elseif not rival and is_restless(watcher) then
        redis.call('ZADD', DUE, now_ms + LIMIT.restless_ms, address)
    else
        redis.call('SET', fetch_of(address), token, 'PX', LIMIT.lease_ms)
        redis.call('ZADD', ASKED, now_ms, address)
        redis.call('ZADD', DUE, now_ms + LIMIT.lease_ms + LATER_MS, address)
        for _, text in ipairs({ address, instance, progress(watcher),
            rival and contender or '', rival and progress(rival) or '' }) do
            taken[#taken + 1] = text
        end
    end
end
local next_ms = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
local wait_ms = next_ms and math.max(0, math.min(next_ms - now_ms, 1000)) or 1000
return { whole(wait_ms), unpack(taken) }
