-- Applies operations to a set: the greatest on each value is kept; what changed is logged and published.
--
-- KEYS[1] set:{ID}:meta  KEYS[2] set:{ID}:elements  KEYS[3] set:{ID}:tombstones  KEYS[4] set:{ID}:log
-- ARGV[1] the id  ARGV[2] the channel of its topic  ARGV[3] how far a stamp may be ahead, ms  ARGV[4] the horizon, ms
-- ARGV[5] values that may be kept  ARGV[6] log entries that are kept  ARGV[7] tombstones to collect at most
-- ARGV[8] the milliseconds of each operation, as an array of MessagePack; -1: to be stamped here
-- ARGV[9] the operations as JSON, with commas between; one to be stamped here ends before its milliseconds
-- ARGV[10] the length of each in bytes, as two bytes
-- ARGV[11…] for each its value, and what is kept if it wins: `+<ms>:<replica>` or `-<ms>:<replica>`; the sign alone: to be
-- stamped here
-- Result: {} if there is no such set; else {cursor, time in ms, floor in ms or '', what is unusual}. The last has, with spaces
-- between, for each operation that was not applied just as it is, its number and: `a<ms>` applied with this time, `s<kept>`
-- superseded by this, `d` duplicate, `c` the clock is ahead, `o` too old, `f` the set is full, and the value is not kept
--
-- Atomic, because comparing, keeping, logging and publishing are one step: each change is in the log exactly once, and is
-- published in the order of the log.
--
-- An operation costs two to four microseconds, most of it for making strings. So what is usual, that all win, makes none:
-- times come as numbers, and the log gets the operations as they came.
local HEAD = 10
-- Bytes of a log; beyond them it is halved. Only entries of some length can bring it there, and weighing it takes a millisecond,
-- so it is done once in so many bytes of them.
local LOG_BYTES_MAX, LONG_BYTES, UNWEIGHED_BYTES_MAX = 64 * 1024 * 1024, 4096, 4 * 1024 * 1024
local byte, format, match, sub = string.byte, string.format, string.match, string.sub
local MINUS, APPLIED = 45, 97

-- Of two different operations with the same milliseconds: the greater replica wins, then the removal. Not with `<`, which
-- follows the locale of the server.
local function beats(arrived, kept)
    local ours, theirs = match(arrived, ':(.*)'), match(kept, ':(.*)')
    if ours == theirs then
        return byte(arrived) == MINUS
    end
    for at = 1, math.min(#ours, #theirs) do
        if byte(ours, at) ~= byte(theirs, at) then
            return byte(ours, at) > byte(theirs, at)
        end
    end
    return #ours > #theirs
end

local epoch, previous, floor = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'position', 'floor_ms'))
if not epoch then
    return {}
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local latest_ms = now_ms + ARGV[3]
local floor_ms = tonumber(floor or -1)

-- A removal that is forgotten cannot be told from none: what is as old is refused from now on.
local function collect()
    local horizon = format('%.0f', now_ms - ARGV[4])
    local old = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', horizon, 'LIMIT', 0, ARGV[7])
    if #old > 0 then
        redis.call('HDEL', KEYS[2], unpack(old))
        redis.call('ZREM', KEYS[3], unpack(old))
        floor_ms = math.max(floor_ms, tonumber(horizon))
        floor = format('%.0f', floor_ms)
        redis.call('HSET', KEYS[1], 'floor_ms', floor)
    end
end

local values, count = {}, 0
for at = HEAD + 1, #ARGV, 2 do
    count = count + 1
    values[count] = ARGV[at]
end
-- What each operation comes to. `after` has what is kept when all is done, for it may be several on one value.
local times = cmsgpack.unpack(ARGV[8])
local stored, unusual, told, after, fresh, refused
local room, is_collected
repeat
    local is_full = false
    stored = redis.call('HMGET', KEYS[2], unpack(values))
    unusual, told, after, fresh, refused = {}, {}, {}, 0, 0
    for index = 1, count do
        local value, wanted, ms = values[index], ARGV[HEAD + 2 * index], times[index]
        local kept = after[value] or stored[index]
        local outcome
        if ms < 0 then
            ms = now_ms
            if kept then
                ms = math.max(ms, match(kept, '%d+') + 1)
            end
            ms = format('%.0f', ms)
            outcome, wanted = 'a' .. ms, wanted .. ms .. ':server'
        elseif kept == wanted then
            outcome = 'd'
        elseif ms > latest_ms then
            outcome = 'c'
        elseif kept then
            local kept_ms = tonumber(match(kept, '%d+'))
            if ms < kept_ms or ms == kept_ms and not beats(wanted, kept) then
                outcome = 's' .. kept
            end
        elseif ms <= floor_ms then
            outcome = 'o'
        end
        local wins = not outcome or byte(outcome) == APPLIED
        if wins and not kept then
            room = room or ARGV[5] - redis.call('HLEN', KEYS[2])
            if fresh < room then
                fresh = fresh + 1
            elseif is_collected then
                outcome, wins = 'f', false
            else
                is_full = true
                break
            end
        end
        if outcome then
            unusual[index] = outcome
            told[#told + 1] = index .. outcome
        end
        if wins then
            after[value] = wanted
        else
            refused = refused + 1
        end
    end
    -- Where there is no room, removals are forgotten, and all is judged anew: by what is kept behind that, and by the floor
    -- that it makes. Nothing was written before.
    if is_full then
        collect()
        room, is_collected = nil, true
    end
until not is_full
told = table.concat(told, ' ')
local now_text = format('%.0f', now_ms)
if refused == count then
    return { epoch .. '-' .. previous, now_text, floor or '', told }
end

-- What goes into the log.
local operations = ARGV[9]
if told ~= '' then
    local lengths, from, texts = ARGV[10], 1, {}
    for index = 1, count do
        local behind = from + byte(lengths, 2 * index - 1) * 256 + byte(lengths, 2 * index)
        local outcome = unusual[index]
        if not outcome then
            texts[#texts + 1] = sub(operations, from, behind - 1)
        elseif byte(outcome) == APPLIED then
            texts[#texts + 1] = sub(operations, from, behind - 1) .. sub(outcome, 2) .. ',"server"]}'
        end
        from = behind + 1
    end
    operations = table.concat(texts, ',')
end

-- What is kept.
if told == '' then
    redis.call('HSET', KEYS[2], unpack(ARGV, HEAD + 1))
else
    local elements = {}
    for value, kept in pairs(after) do
        elements[#elements + 1] = value
        elements[#elements + 1] = kept
    end
    redis.call('HSET', KEYS[2], unpack(elements))
end
local dead, alive = {}, {}
for index = 1, count do
    local value, before = values[index], stored[index]
    local kept = after[value]
    if kept and byte(kept) == MINUS then
        dead[#dead + 1] = match(kept, '%d+')
        dead[#dead + 1] = value
    elseif kept and before and byte(before) == MINUS then
        alive[#alive + 1] = value
    end
end
if #dead > 0 then
    redis.call('ZADD', KEYS[3], unpack(dead))
end
if #alive > 0 then
    redis.call('ZREM', KEYS[3], unpack(alive))
end

collect()

-- Positions are microseconds, so that none is given out twice even when Redis has lost the last ones.
local position = format('%.0f', math.max(previous + 1, time[1] * 1000000 + time[2]))
redis.call('HSET', KEYS[1], 'position', position)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], position .. '-0',
    'prev', previous, 'count', count - refused, 'operations', operations)
if #operations > LONG_BYTES and redis.call('HINCRBY', KEYS[1], 'unweighed', #operations) > UNWEIGHED_BYTES_MAX then
    redis.call('HSET', KEYS[1], 'unweighed', 0)
    while redis.call('MEMORY', 'USAGE', KEYS[4], 'SAMPLES', 0) > LOG_BYTES_MAX do
        redis.call('XTRIM', KEYS[4], 'MAXLEN', '~', math.floor(redis.call('XLEN', KEYS[4]) / 2))
    end
end
local cursor = epoch .. '-' .. position
redis.call('PUBLISH', ARGV[2], '{"body":{"type":"delta","set":"' .. ARGV[1] .. '","prev":"' .. epoch .. '-' .. previous
    .. '","cursor":"' .. cursor .. '","operations":[' .. operations .. '],"server_ms":' .. now_text .. '}}\n')
return { cursor, now_text, floor or '', told }
