-- What every script of the files service begins with: the names of keys, the log, and how watchers come and go.
--
-- KEYS[1] {files}, the hash tag of all keys of the service. Which of them a call touches depends on what is stored (an address
-- leads to a watcher, a watcher to its names), so their names are built here.
-- ARGV[1] an epoch, for a store that has none  ARGV[2] the channel of the topic
-- LIMIT the worker writes before this: the bounds, and what the operator chose
--
-- A watcher is a table with the fields of its hash. Times are milliseconds, 0 if there was none.

local TAG = KEYS[1]
local META, ORDER, LOG = TAG .. ':meta', TAG .. ':order', TAG .. ':log'
local HEARD, UNPROVEN, NUMBERS = TAG .. ':heard', TAG .. ':unproven', TAG .. ':numbers'
local ADDRESSES, CONTENDERS = TAG .. ':addresses', TAG .. ':contenders'
local DUE, ASKED = TAG .. ':due', TAG .. ':asked'
local BYES, GONE = TAG .. ':byes', TAG .. ':gone'

-- A whole number as text. On its own Lua would write 1.7e+15.
local function whole(number)
    return string.format('%.0f', number)
end

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local epoch, position, count, log_bytes = unpack(redis.call('HMGET', META, 'epoch', 'position', 'count', 'log_bytes'))
if not epoch then
    epoch, position, count, log_bytes = ARGV[1], whole(now_us), 0, 0
    redis.call('HSET', META, 'epoch', epoch, 'position', position, 'count', count, 'log_bytes', log_bytes)
end
count, log_bytes = tonumber(count), tonumber(log_bytes)

local function cursor()
    return epoch .. '-' .. position
end

-- What this call changes, as JSON.
local changes = {}

local function say(change)
    changes[#changes + 1] = change
end

-- Drops what the log has too much. Its entries are of very different sizes, so both are bounded.
local function trim()
    local entries = redis.call('XLEN', LOG)
    while entries > LIMIT.log_entries or (log_bytes > LIMIT.log_bytes and entries > 1) do
        local first = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
        log_bytes, entries = log_bytes - #first[2][6], entries - 1
        redis.call('XTRIM', LOG, 'MAXLEN', entries)
    end
end

-- Puts all changes of this call into the log as one, and publishes them.
local function commit()
    if #changes == 0 then
        return
    end
    local previous, texts = position, table.concat(changes, ',')
    -- Microseconds, so that no position is given out twice even when Redis has lost the last ones.
    position = whole(math.max(previous + 1, now_us))
    redis.call('XADD', LOG, position .. '-0', 'prev', previous, 'count', #changes, 'changes', texts)
    log_bytes = log_bytes + #texts
    trim()
    redis.call('HSET', META, 'position', position, 'count', count, 'log_bytes', log_bytes)
    redis.call('PUBLISH', ARGV[2], '{"body":{"type":"changes","prev":"' .. epoch .. '-' .. previous .. '","cursor":"'
        .. cursor() .. '","changes":[' .. texts .. '],"server_ms":' .. whole(now_ms) .. '}}\n')
end

local function key_of(instance)
    return TAG .. ':watcher:' .. instance
end

local function names_of(number)
    return TAG .. ':names:' .. number
end

local function removed_of(number)
    return TAG .. ':removed:' .. number
end

local function fetch_of(address)
    return TAG .. ':fetch:' .. address
end

-- Where a name stands in the order.
local function place_of(number, name)
    return name .. '\0' .. string.format('%08d', number)
end

local TEXTS = { 'number', 'ip', 'address', 'told', 'stale', 'counts' }
local NUMERALS = {
    'seqno', 'floor', 'heard_ms', 'since_ms', 'dirty_ms', 'patched_ms', 'fetched_ms', 'turn', 'gaps', 'failures',
}

local function find(instance)
    local texts = redis.call('HMGET', key_of(instance), unpack(TEXTS))
    if not texts[1] then
        return nil
    end
    local watcher = { instance = instance }
    for at, field in ipairs(TEXTS) do
        watcher[field] = texts[at]
    end
    local numerals = redis.call('HMGET', key_of(instance), unpack(NUMERALS))
    for at, field in ipairs(NUMERALS) do
        watcher[field] = tonumber(numerals[at])
    end
    return watcher
end

local function state_of(watcher)
    if watcher.stale == '1' then
        return 'stale'
    end
    return watcher.dirty_ms > 0 and 'dirty' or 'synced'
end

-- Says how a watcher stands, if others know it in another way.
local function describe(watcher)
    local state = state_of(watcher)
    local told = state .. ' ' .. watcher.address
    if told ~= watcher.told then
        watcher.told = told
        say('{"op":"watcher","watcher":' .. watcher.number .. ',"instance":"' .. watcher.instance .. '","address":"'
            .. watcher.address .. '","state":"' .. state .. '"}')
    end
end

local function keep(watcher)
    describe(watcher)
    local values = {}
    for _, fields in ipairs({ TEXTS, NUMERALS }) do
        for _, field in ipairs(fields) do
            values[#values + 1] = field
            values[#values + 1] = watcher[field]
        end
    end
    redis.call('HSET', key_of(watcher.instance), unpack(values))
end

local function hear(watcher)
    watcher.heard_ms, watcher.stale = now_ms, '0'
    redis.call('ZADD', HEARD, now_ms, watcher.instance)
end

-- Has an address asked: as soon as may be, or when whoever asks it now is done, who sets the time anew. If he never is,
-- because his worker died, then when his time is over.
local function ask(address)
    if redis.call('EXISTS', fetch_of(address)) == 1 then
        redis.call('ZADD', DUE, 'NX', now_ms + LIMIT.lease_ms, address)
    else
        local asked_ms = redis.call('ZSCORE', ASKED, address) or 0
        redis.call('ZADD', DUE, math.max(now_ms, asked_ms + LIMIT.apart_ms), address)
    end
end

-- Gives up the address of a watcher. Whoever contends for it has it then.
local function leave_address(watcher)
    local address = watcher.address
    local contender = redis.call('HGET', CONTENDERS, address)
    if contender == watcher.instance then
        redis.call('HDEL', CONTENDERS, address)
    elseif redis.call('HGET', ADDRESSES, address) == watcher.instance then
        if contender then
            redis.call('HDEL', CONTENDERS, address)
            redis.call('HSET', ADDRESSES, address, contender)
            ask(address)
        else
            redis.call('HDEL', ADDRESSES, address)
            redis.call('ZREM', DUE, address)
        end
    end
end

-- Takes a watcher away with all its files. That costs the same however many they are: readers leave out the names of a
-- number that is not known, and the keeper clears them away in pieces.
local function retire(watcher, reason)
    if not watcher then
        return
    end
    local files = redis.call('HLEN', names_of(watcher.number))
    if files > 0 then
        count = count - files
        redis.call('SADD', GONE, watcher.number)
    end
    redis.call('HDEL', NUMBERS, watcher.number)
    redis.call('DEL', removed_of(watcher.number), key_of(watcher.instance))
    redis.call('ZREM', HEARD, watcher.instance)
    redis.call('ZREM', UNPROVEN, watcher.instance)
    leave_address(watcher)
    say('{"op":"gone","watcher":' .. watcher.number .. ',"reason":"' .. reason .. '"}')
end

-- Remembers that a watcher left, so that a late hello does not bring it back.
local function remember(instance)
    redis.call('ZADD', BYES, now_ms, instance)
    redis.call('ZREMRANGEBYSCORE', BYES, '-inf', now_ms - LIMIT.bye_kept_ms)
    redis.call('ZREMRANGEBYRANK', BYES, 0, -1 - LIMIT.byes)
end

local function has_left(instance)
    local left_ms = redis.call('ZSCORE', BYES, instance)
    return left_ms and now_ms - left_ms < LIMIT.bye_kept_ms
end

local function is_same_host(one, other)
    local function is_loopback(ip)
        return ip == '::1' or string.sub(ip, 1, 4) == '127.'
    end
    return one == other or (is_loopback(one) and is_loopback(other))
end

-- The watcher of this instance; and whether it is of another host than who asks. One that has expired, only nobody has
-- noticed yet, may come from anywhere.
local function find_from(instance, ip)
    local watcher = find(instance)
    if not watcher or is_same_host(watcher.ip, ip) then
        return watcher, false
    end
    if now_ms - watcher.heard_ms < LIMIT.expire_ms then
        return watcher, true
    end
    retire(watcher, 'expired')
    return nil, false
end

-- A new watcher; nil if there are too many. One of which nothing was ever fetched gives way, so that whoever invents
-- watchers drives out no real one.
local function register(instance, ip)
    if redis.call('ZCARD', HEARD) >= LIMIT.watchers then
        local unproven = redis.call('ZRANGE', UNPROVEN, 0, 0)[1]
        if not unproven then
            return nil
        end
        retire(find(unproven), 'evicted')
    end
    local number = whole(redis.call('HINCRBY', META, 'numbers', 1))
    local watcher = { instance = instance, number = number, ip = ip, address = ip, told = '', stale = '0', counts = '0' }
    for _, field in ipairs(NUMERALS) do
        watcher[field] = 0
    end
    watcher.dirty_ms = now_ms
    redis.call('HSET', NUMBERS, number, instance)
    redis.call('ZADD', UNPROVEN, now_ms, instance)
    hear(watcher)
    return watcher
end

-- Sets when the list of a watcher is to be fetched: the first time at once, otherwise when it was quiet for a moment, but
-- not when somebody is at it, nor when the last attempt failed and the next is set.
local function schedule(watcher)
    local address = watcher.address
    if watcher.failures > 0 or redis.call('EXISTS', fetch_of(address)) == 1 then
        return
    end
    local at_ms = now_ms
    if watcher.fetched_ms > 0 then
        at_ms = math.min(watcher.dirty_ms + LIMIT.patience_ms, now_ms + LIMIT.quiet_ms)
    end
    local asked_ms = redis.call('ZSCORE', ASKED, address)
    if asked_ms then
        at_ms = math.max(at_ms, asked_ms + LIMIT.apart_ms)
    end
    redis.call('ZADD', DUE, at_ms, address)
end

local function is_addressed(watcher)
    return watcher.address ~= watcher.ip
end

-- Something was missed.
local function miss(watcher)
    watcher.gaps = watcher.gaps + 1
    if watcher.dirty_ms == 0 then
        watcher.dirty_ms = now_ms
    end
end

-- Lists a file; false if there are too many.
local function add(watcher, name, seqno)
    local names = names_of(watcher.number)
    if redis.call('HEXISTS', names, name) == 0 then
        if count >= LIMIT.files or redis.call('HLEN', names) >= LIMIT.files_per_watcher then
            return false
        end
        count = count + 1
        redis.call('ZADD', ORDER, 0, place_of(watcher.number, name))
        say('{"op":"add","watcher":' .. watcher.number .. ',"filename":' .. cjson.encode(name) .. '}')
    end
    redis.call('HSET', names, name, seqno)
    return true
end

-- Lists a file no more.
local function remove(watcher, name)
    if redis.call('HDEL', names_of(watcher.number), name) == 1 then
        count = count - 1
        redis.call('ZREM', ORDER, place_of(watcher.number, name))
        say('{"op":"remove","watcher":' .. watcher.number .. ',"filename":' .. cjson.encode(name) .. '}')
    end
end
