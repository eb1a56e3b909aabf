-- What time brings: watchers become stale and expire, and what is left of those that are gone is cleared away.
--
-- ARGV[3] who asks
-- Result: 1 if there is more to clear away at once; 0 if not, or if another worker does this
--
-- Atomic, so that one worker at a time does this, and a watcher that says something at this moment has not expired.
local EXPIRED_AT_ONCE, CLEARED_AT_ONCE = 100, 500

local holder = redis.call('GET', TAG .. ':keeper')
if holder and holder ~= ARGV[3] then
    return 0
end
redis.call('SET', TAG .. ':keeper', ARGV[3], 'PX', LIMIT.keeper_ms)

-- While nobody did this, hellos may not have come through either: nobody counts as silent for longer than since then.
local ticked_ms, grace_ms = unpack(redis.call('HMGET', META, 'tick_ms', 'grace_ms'))
if not ticked_ms or now_ms - ticked_ms > LIMIT.outage_ms then
    grace_ms = now_ms
end
redis.call('HSET', META, 'tick_ms', now_ms, 'grace_ms', grace_ms)

if now_ms - grace_ms >= LIMIT.expire_ms then
    local silent = redis.call('ZRANGEBYSCORE', HEARD, '-inf', now_ms - LIMIT.expire_ms, 'LIMIT', 0, EXPIRED_AT_ONCE)
    for _, instance in ipairs(silent) do
        retire(find(instance), 'expired')
    end
end
if now_ms - grace_ms >= LIMIT.stale_ms then
    for _, instance in ipairs(redis.call('ZRANGEBYSCORE', HEARD, '-inf', now_ms - LIMIT.stale_ms)) do
        local watcher = find(instance)
        if watcher and watcher.stale == '0' then
            watcher.stale = '1'
            keep(watcher)
        end
    end
end
redis.call('ZREMRANGEBYSCORE', ASKED, '-inf', now_ms - LIMIT.expire_ms)

local room = CLEARED_AT_ONCE
while room > 0 do
    local number = redis.call('SRANDMEMBER', GONE)
    if not number then
        break
    end
    local names = names_of(number)
    -- Any of them: a scan that begins anew would walk each time over what the ones before have emptied.
    local some = redis.call('HRANDFIELD', names, room)
    for _, name in ipairs(some) do
        redis.call('ZREM', ORDER, place_of(number, name))
        redis.call('HDEL', names, name)
    end
    if redis.call('EXISTS', names) == 0 then
        redis.call('SREM', GONE, number)
    end
    room = room - 1 - #some
end
commit()
return redis.call('SCARD', GONE) > 0 and 1 or 0
