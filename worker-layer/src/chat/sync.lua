-- Reads a page of the log of a user: what came since a cursor.
--
-- KEYS[1] chat:{u:…}:meta  KEYS[2] chat:{u:…}:log
-- ARGV[1] the epoch of the cursor; '' if there is none  ARGV[2] its position  ARGV[3] changes in the page
-- ARGV[4] bytes in the page
-- Result: {} if the user has no log; {the newest cursor} if that does not have the cursor; else {cursor behind the page,
-- changes as JSON with commas between, 1 if there is more}. The first change is in the page, however large.
--
-- Atomic, so that the page, its cursor and whether there is more fit each other. Each entry names the position before it:
-- so a hole, or a cursor of a time that was lost, is found.
local AT_ONCE = 100

local epoch, newest = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'position'))
if not epoch then
    return {}
end
if ARGV[1] ~= epoch then
    return { epoch .. '-' .. newest }
end
local limit, bytes_max = tonumber(ARGV[3]), tonumber(ARGV[4])
local position, texts, bytes = ARGV[2], {}, 0
local is_full = position == newest
while not is_full do
    local entries = redis.call('XRANGE', KEYS[2], '(' .. position .. '-0', '+', 'COUNT', math.min(AT_ONCE, limit))
    for _, entry in ipairs(entries) do
        local previous, text = entry[2][2], entry[2][4]
        if previous ~= position then
            return { epoch .. '-' .. newest }
        end
        if #texts > 0 and (#texts == limit or bytes + #text > bytes_max) then
            is_full = true
            break
        end
        texts[#texts + 1] = text .. '}'
        bytes = bytes + #text
        position = string.match(entry[1], '%d+')
    end
    is_full = is_full or #texts == limit or #entries < AT_ONCE
end
if #texts == 0 and position ~= newest then
    return { epoch .. '-' .. newest }
end
return { epoch .. '-' .. position, table.concat(texts, ','), position == newest and 0 or 1 }
