-- A watcher says that it is there.
--
-- ARGV[3] its instance  ARGV[4] the IP address it comes from  ARGV[5] its address, with the port
-- ARGV[6] the newest operation that it knows to be acknowledged, or an empty text if it does not count
-- Result: {'elsewhere'} if it is another host's; {'full'} if there are too many; {'gone', cursor} if it has left;
-- else {'here', cursor, its state, its newest operation, 1 if its list is to be fetched, else 0}
--
-- Atomic, so that of two hellos at two workers one comes after the other, and a watcher is registered once.
local instance, ip, address, seqno = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

-- Takes an address. If another watcher is there, it is asked who it is: a hello alone proves nothing.
local function take_address(watcher)
    if is_addressed(watcher) then
        leave_address(watcher)
    end
    watcher.ip, watcher.address, watcher.since_ms, watcher.failures = ip, address, now_ms, 0
    local holder = redis.call('HGET', ADDRESSES, address)
    if not holder then
        redis.call('HSET', ADDRESSES, address, instance)
    else
        local before = redis.call('HGET', CONTENDERS, address)
        redis.call('HSET', CONTENDERS, address, instance)
        if before then
            retire(find(before), 'replaced')
        end
    end
    if watcher.dirty_ms == 0 then
        watcher.dirty_ms = now_ms
    end
    -- Not later because the other one is quiet, or fails.
    ask(address)
end

if has_left(instance) then
    return { 'gone', cursor() }
end
local watcher, is_elsewhere = find_from(instance, ip)
if is_elsewhere then
    return { 'elsewhere' }
end
watcher = watcher or register(instance, ip)
if not watcher then
    commit()
    return { 'full' }
end
hear(watcher)
if watcher.address ~= address then
    take_address(watcher)
elseif watcher.dirty_ms > 0 and not redis.call('ZSCORE', DUE, address) then
    -- Whatever led to that: it must not wait for ever.
    ask(address)
end
if seqno then
    watcher.counts = '1'
    if seqno > watcher.seqno and watcher.fetched_ms > 0 then
        miss(watcher)
        schedule(watcher)
    end
end
keep(watcher)
commit()
local is_due = watcher.dirty_ms > 0 and 1 or 0
return { 'here', cursor(), state_of(watcher), whole(watcher.seqno), is_due }
