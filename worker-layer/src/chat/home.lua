-- Reads a page of the home screen of a user: all conversations, the newest message first, or those that changed.
--
-- KEYS[1] chat:{u:…}:meta  KEYS[2] chat:{u:…}:home  KEYS[3] chat:{u:…}:changed  KEYS[4] `chat:{u:…}:with:`, what the keys of
-- conversations begin with: they are in the same slot
-- ARGV[1] the epoch of the cursor since which; '' for all  ARGV[2] its position
-- ARGV[3] the place behind which, of all; '' for the beginning  ARGV[4] conversations in the page  ARGV[5] bytes in the page
-- Result: nil if the user has no log; else {the cursor, conversations as JSON with commas between, 1 if there are more, the
-- place behind the page or '', 1 if the cursor is of another time and these are all}
--
-- Atomic, so that the page shows all changes up to its cursor and none behind it. What it costs depends on the page alone.
local format = string.format
local epoch, newest = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'position'))
if not epoch then
    return false
end
local is_since = ARGV[1] ~= ''
local is_reset = is_since and (ARGV[1] ~= epoch or tonumber(ARGV[2]) > tonumber(newest))
is_since = is_since and not is_reset
local limit, bytes_max = tonumber(ARGV[4]), tonumber(ARGV[5])
local found
if is_since then
    found = redis.call('ZRANGE', KEYS[3], '(' .. ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, limit + 1, 'WITHSCORES')
else
    local from = ARGV[3] ~= '' and '(' .. ARGV[3] or '+inf'
    found = redis.call('ZRANGE', KEYS[2], from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, limit + 1, 'WITHSCORES')
end
local texts, bytes, place, more = {}, 0, '', 0
for at = 1, #found, 2 do
    local kept = redis.call('HMGET', KEYS[4] .. found[at], 'with', 'name', 'last', 'met', 'read', 'read_met', 'receipt', 'reached')
    local text = '{"with":' .. kept[1] .. ',"with_name":' .. kept[2] .. ',"last":' .. kept[3]
        .. ',"unread":' .. format('%.0f', kept[4] - kept[6]) .. ',"read":' .. kept[5] .. ',"receipt":' .. kept[7]
        .. ',"delivered":' .. format('%.0f', math.max(kept[8] or 0, kept[7])) .. '}'
    if #texts == limit or #texts > 0 and bytes + #text > bytes_max then
        more = 1
        break
    end
    texts[#texts + 1] = text
    bytes = bytes + #text
    place = format('%.0f', found[at + 1])
end
local cursor = epoch .. '-' .. newest
if is_since and more == 1 then
    cursor = epoch .. '-' .. place
end
return { cursor, table.concat(texts, ','), more, not is_since and more == 1 and place or '', is_reset and 1 or 0 }
