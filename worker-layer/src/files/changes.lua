-- Reads a page of the log: what came since a cursor.
--
-- ARGV[3] the epoch of the cursor  ARGV[4] its position  ARGV[5] changes in the page  ARGV[6] bytes in the page
-- Result: {} if the log does not have the cursor; else {cursor behind the page, time in ms, changes as JSON with commas
-- between, 1 if there is more, else 0}. The first entry is in the page, however large.
--
-- Atomic, so that the page, its cursor and whether there is more fit each other. Each entry names the position before it:
-- so a hole, or a cursor of a time that was lost, is found.
local AT_ONCE = 32

if ARGV[3] ~= epoch then
    return {}
end
local wanted, bytes_max = tonumber(ARGV[5]), tonumber(ARGV[6])
local at, texts, changed, bytes = ARGV[4], {}, 0, 0
local is_over = at == position
while not is_over do
    local entries = redis.call('XRANGE', LOG, '(' .. at .. '-0', '+', 'COUNT', AT_ONCE)
    for _, entry in ipairs(entries) do
        local previous, number, text = entry[2][2], tonumber(entry[2][4]), entry[2][6]
        if previous ~= at then
            return {}
        end
        if #texts > 0 and (changed + number > wanted or bytes + #text > bytes_max) then
            is_over = true
            break
        end
        texts[#texts + 1] = text
        changed, bytes = changed + number, bytes + #text
        at = string.match(entry[1], '%d+')
    end
    is_over = is_over or #entries < AT_ONCE
end
if #texts == 0 and at ~= position then
    return {}
end
return { epoch .. '-' .. at, whole(now_ms), table.concat(texts, ','), at == position and 0 or 1 }
