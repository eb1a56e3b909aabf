-- Ends a fetch.
--
-- ARGV[3] the address  ARGV[4] the word with which it was taken
-- ARGV[5] the instance that answered; an empty text if nobody did
-- ARGV[6] the number up to which its list has all operations
-- ARGV[7] how often something was missed before; an empty text if the list was out of date when it was applied
-- ARGV[8] an empty text; or, if the number is below what is known, how often the watcher had said something before
-- ARGV[9] why it failed, or an empty text  ARGV[10] 1 if nobody listens there
-- ARGV[11] when to ask again if all is well, ms from now; 0: not
-- ARGV[12] how long to wait after a first failure, ms: it doubles  ARGV[13] how long at most, ms
-- Result: ms until the address is asked again; -1 if it is not
--
-- Atomic, so that what is missed meanwhile is not taken for fetched.
local address, token, instance, seqno = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local gaps, step_back, trouble = ARGV[7], ARGV[8], ARGV[9]

-- Two claim the address, and it does not say which. The one before is not there any more if nobody listens, or if it says
-- nothing for longer than from one hello to the next; it still is if it says something. Then the other one goes. Until when to
-- wait for either, ms from now; nothing if it is decided.
local function decide(holder, contender)
    if not contender then
        redis.call('HDEL', CONTENDERS, address)
        return nil
    end
    if holder and ARGV[10] ~= '1' then
        if holder.heard_ms > contender.since_ms then
            retire(contender, 'replaced')
            return nil
        end
        local wait_ms = contender.since_ms + LIMIT.answer_ms - now_ms
        if wait_ms > 0 then
            return wait_ms
        end
    end
    retire(holder, 'replaced')
    return nil
end

-- When to ask again after a failure.
local function fail(watcher)
    watcher.failures = watcher.failures + 1
    return math.min(ARGV[12] * 2 ^ math.min(watcher.failures - 1, 16), tonumber(ARGV[13]))
end

-- When to ask again after a list was applied.
local function succeed(watcher)
    watcher.failures, watcher.fetched_ms = 0, now_ms
    redis.call('ZREM', UNPROVEN, watcher.instance)
    if step_back ~= '' then
        -- It was told of operations that never were. What it says now counts, once it says so twice.
        if whole(watcher.turn) == step_back then
            watcher.seqno, watcher.floor = seqno, 0
            redis.call('DEL', removed_of(watcher.number))
        end
    else
        watcher.seqno = math.max(watcher.seqno, seqno)
        if whole(watcher.gaps) == gaps then
            watcher.dirty_ms = 0
            local check_ms = tonumber(ARGV[11])
            return watcher.counts == '0' and check_ms > 0 and check_ms or -1
        end
    end
    watcher.dirty_ms = now_ms
    return LIMIT.apart_ms
end

if redis.call('GET', fetch_of(address)) ~= token then
    return -1
end
redis.call('DEL', fetch_of(address))
local contender, decide_ms = redis.call('HGET', CONTENDERS, address), nil
if instance == '' and contender then
    decide_ms = decide(find(redis.call('HGET', ADDRESSES, address) or ''), find(contender))
end
local watcher = find(instance ~= '' and instance or redis.call('HGET', ADDRESSES, address) or '')
if not watcher then
    -- Who answered has left meanwhile. Who is there now was not asked yet.
    if redis.call('HEXISTS', ADDRESSES, address) == 1 then
        ask(address)
    else
        redis.call('ZREM', DUE, address)
    end
    commit()
    return -1
end
local again_ms = trouble ~= '' and fail(watcher) or succeed(watcher)
if instance ~= '' and contender then
    -- It came after the address had told who is there.
    again_ms = LIMIT.apart_ms
elseif decide_ms then
    again_ms = math.max(LIMIT.apart_ms, math.min(again_ms, decide_ms))
end
if again_ms >= 0 then
    redis.call('ZADD', DUE, now_ms + again_ms, address)
else
    redis.call('ZREM', DUE, address)
end
keep(watcher)
redis.call('HSET', key_of(watcher.instance), 'trouble', trouble)
commit()
return whole(again_ms)
