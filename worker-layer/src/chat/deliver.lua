-- Brings one user up to where a conversation stands: its messages, how far the user has read, how far the other side has read
-- and received.
-- What is new goes into the user's log, onto the home screen, and to all devices.
--
-- KEYS[1] chat:{u:…}:meta  KEYS[2] chat:{u:…}:log  KEYS[3] chat:{u:…}:home  KEYS[4] chat:{u:…}:changed
-- KEYS[5] chat:{u:…}:with:<other>
-- ARGV[1] the channel of the user's topic  ARGV[2] an epoch, in case the user has no log yet  ARGV[3] log entries that are kept
-- ARGV[4] the other, as in KEYS[5]  ARGV[5] the other as JSON  ARGV[6] a name of the other as JSON, in case none is known; or ''
-- ARGV[7] up to which message the user has read  ARGV[8] how many of the other's there are up to there
-- ARGV[9] up to which message the other has read  ARGV[10] up to which the other has received
-- ARGV[11…] messages in order, four for each: its number; it as JSON; how many messages of the other there are up to it;
-- the name of the other as JSON if the other wrote it, else ''
-- Result: the message up to which the user has all. If that is below the first number less one, or below what was read, the
-- messages between are missing: nothing behind the hole was done, and it is to be called again with them.
--
-- Atomic, so that each message and each step of reading is in the log exactly once and in order, however often, and by
-- however many, this is called; and so that pushes come in the order of the log.
local HEAD = 10
local format = string.format
local known = redis.call('HMGET', KEYS[5], 'delivered', 'met', 'read', 'read_met', 'receipt', 'name',
    'reached')
local delivered, met = tonumber(known[1] or 0), tonumber(known[2] or 0)
local read, read_met = tonumber(known[3] or 0), tonumber(known[4] or 0)
local receipt, name = tonumber(known[5] or 0), known[6] or ARGV[6]
local reached, other = tonumber(known[7] or 0), ARGV[5]

-- What is to be logged.
local changes, last, last_at = {}, nil, nil
for at = HEAD + 1, #ARGV, 4 do
    local seq = tonumber(ARGV[at])
    if seq > delivered + 1 then
        break
    elseif seq == delivered + 1 then
        delivered, met, last = seq, tonumber(ARGV[at + 2]), ARGV[at + 1]
        if ARGV[at + 3] ~= '' then
            name = ARGV[at + 3]
        end
        changes[#changes + 1] = '{"type":"message","with":' .. other .. ',"with_name":' .. name .. ',"message":' .. last
            .. ',"unread":' .. format('%.0f', met - read_met)
        last_at = #changes
    end
end
local has_read, other_has_read = tonumber(ARGV[7]), tonumber(ARGV[9])
if has_read > read and has_read <= delivered then
    read, read_met = has_read, tonumber(ARGV[8])
    changes[#changes + 1] = '{"type":"read","with":' .. other .. ',"read":' .. format('%.0f', read)
        .. ',"unread":' .. format('%.0f', met - read_met)
end
if other_has_read > receipt and other_has_read <= delivered then
    receipt = other_has_read
    changes[#changes + 1] = '{"type":"receipt","with":' .. other .. ',"read":' .. format('%.0f', receipt)
end
-- What was read was received: of that a receipt tells.
local other_has_got = math.max(tonumber(ARGV[10]), other_has_read)
if other_has_got > reached and other_has_got <= delivered then
    reached = other_has_got
    if reached > receipt then
        changes[#changes + 1] = '{"type":"delivered","with":' .. other .. ',"delivered":' .. format('%.0f', reached)
    end
end
if #changes == 0 then
    return format('%.0f', delivered)
end

-- Positions are microseconds, so that none is given out twice even when Redis has lost the last ones.
local epoch, previous = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'position'))
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if not epoch then
    epoch, previous = ARGV[2], format('%.0f', now - #changes - 1)
end
local lines = {}
for index, change in ipairs(changes) do
    local position = format('%.0f', math.max(previous + 1, now - #changes + index))
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], position .. '-0', 'prev', previous, 'change', change)
    lines[index] = '{"body":' .. change .. ',"prev":"' .. epoch .. '-' .. previous .. '","cursor":"' .. epoch .. '-'
        .. position .. '"}}\n'
    if index == last_at then
        redis.call('ZADD', KEYS[3], position, ARGV[4])
    end
    previous = position
end
redis.call('HSET', KEYS[1], 'epoch', epoch, 'position', previous)
redis.call('ZADD', KEYS[4], previous, ARGV[4])
redis.call('HSET', KEYS[5], 'delivered', format('%.0f', delivered), 'met', format('%.0f', met),
    'read', format('%.0f', read), 'read_met', format('%.0f', read_met), 'receipt', format('%.0f', receipt),
    'reached', format('%.0f', reached), 'name', name, 'with', other)
if last then
    redis.call('HSET', KEYS[5], 'last', last)
end

-- Not all in one, so that no message on pub/sub is large.
local bytes, from = 0, 1
for index, line in ipairs(lines) do
    bytes = bytes + #line
    if bytes > 32768 or index == #lines then
        redis.call('PUBLISH', ARGV[1], table.concat(lines, '', from, index))
        bytes, from = 0, index + 1
    end
end
return format('%.0f', delivered)
