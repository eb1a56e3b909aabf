-- Reads a page of the log of a set: what came since a cursor.
--
-- KEYS[1] set:{ID}:meta  KEYS[2] set:{ID}:log
-- ARGV[1] the epoch of the cursor  ARGV[2] its position  ARGV[3] operations in the page  ARGV[4] bytes in the page
-- Result: {} if there is no such set; {''} if the log does not have the cursor; else {cursor behind the page, time in ms,
-- operations as JSON with commas between, 1 if there is more}. The first entry is in the page, however large.
--
-- Atomic, so that the page, its cursor and whether there is more fit each other. Each entry names the position before it:
-- so a hole, or a cursor of a time that was lost, is found.
local AT_ONCE = 32

local epoch, newest = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'position'))
if not epoch then
    return {}
end
if ARGV[1] ~= epoch then
    return { '' }
end
local limit, bytes_max = tonumber(ARGV[3]), tonumber(ARGV[4])
local position, texts, operations, bytes = ARGV[2], {}, 0, 0
local is_full = position == newest
while not is_full do
    local entries = redis.call('XRANGE', KEYS[2], '(' .. position .. '-0', '+', 'COUNT', AT_ONCE)
    for _, entry in ipairs(entries) do
        local previous, count, text = entry[2][2], tonumber(entry[2][4]), entry[2][6]
        if previous ~= position then
            return { '' }
        end
        if #texts > 0 and (operations + count > limit or bytes + #text > bytes_max) then
            is_full = true
            break
        end
        texts[#texts + 1] = text
        operations, bytes = operations + count, bytes + #text
        position = string.match(entry[1], '%d+')
    end
    is_full = is_full or #entries < AT_ONCE
end
if #texts == 0 and position ~= newest then
    return { '' }
end
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return { epoch .. '-' .. position, now_ms, table.concat(texts, ','), position == newest and 0 or 1 }
