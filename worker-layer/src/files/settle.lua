-- Ends a fetch.
--
-- ARGV[3] the address  ARGV[4] the word with which it was taken
-- ARGV[5] the instance that answered; an empty text if nobody did
-- ARGV[6] the number up to which its list has all operations
-- ARGV[7] how often something was missed before; an empty text if the list was out of date when it was applied
-- ARGV[8] an empty text; or, if the number is below what is known, how often the watcher had said something before
-- ARGV[9] why it failed, or an empty text
-- ARGV[10] when to ask again if all is well, ms from now; 0: not
-- ARGV[11] how long to wait after a first failure, ms: it doubles  ARGV[12] how long at most, ms
-- Result: ms until the address is asked again; -1 if it is not
--
-- Atomic, so that what is missed meanwhile is not taken for fetched.
local address, token, instance, seqno = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local step_back, trouble = ARGV[8], ARGV[9]

if redis.call('GET', fetch_of(address)) ~= token then
    return -1
end
redis.call('DEL', fetch_of(address))
local contender = redis.call('HGET', CONTENDERS, address)
if instance == '' and contender then
    -- Nobody there says who it is: then the one who spoke last.
    local holder = redis.call('HGET', ADDRESSES, address)
    remember(holder)
    retire(find(holder), 'replaced')
end
local watcher = find(instance ~= '' and instance or redis.call('HGET', ADDRESSES, address) or '')
if not watcher then
    commit()
    return -1
end

local again_ms = -1
if trouble ~= '' then
    again_ms = math.min(ARGV[11] * 2 ^ math.min(watcher.failures, 16), tonumber(ARGV[12]))
    watcher.failures = watcher.failures + 1
else
    watcher.failures, watcher.fetched_ms = 0, now_ms
    redis.call('ZREM', UNPROVEN, watcher.instance)
    if step_back ~= '' then
        -- It was told of operations that never were. What it says now counts, once it says so twice.
        if whole(watcher.turn) == step_back then
            watcher.seqno, watcher.floor = seqno, 0
            redis.call('DEL', removed_of(watcher.number))
        end
        watcher.dirty_ms, again_ms = now_ms, LIMIT.apart_ms
    else
        watcher.seqno = math.max(watcher.seqno, seqno)
        if whole(watcher.gaps) ~= ARGV[7] then
            watcher.dirty_ms, again_ms = now_ms, LIMIT.apart_ms
        else
            watcher.dirty_ms = 0
            if watcher.counts == '0' and tonumber(ARGV[10]) > 0 then
                again_ms = tonumber(ARGV[10])
            end
        end
    end
end
if redis.call('HGET', ADDRESSES, address) and again_ms >= 0 then
    redis.call('ZADD', DUE, now_ms + again_ms, address)
else
    redis.call('ZREM', DUE, address)
end
keep(watcher)
redis.call('HSET', key_of(watcher.instance), 'trouble', trouble)
commit()
return whole(again_ms)
