-- Reads a page of the sorted listing.
--
-- ARGV[3] where it begins, as ZRANGEBYLEX takes it  ARGV[4] where it must end at last  ARGV[5] how many files
-- ARGV[6] where what is counted begins, or an empty text to count all  ARGV[7] 1 to tell of the watchers, too
-- Result: {cursor; how many files there are in all, or from [6] to [4]; the place behind which more may follow, or an empty
-- text; the places of the files in the order; for each watcher of them if asked for, else nothing: number, instance, address,
-- state, ms since it was heard}
--
-- Atomic, so that the page is what the listing is at its cursor.
local AT_ONCE = 1000
-- Names of watchers that are gone, in a row, over which a page goes.
local SCANNED = 20000
local low, high, wanted = ARGV[3], ARGV[4], tonumber(ARGV[5])

local function number_of(place)
    return whole(tonumber(string.match(place, '%z(%d+)$')))
end

local is_known = {}

-- Names of watchers that are gone are there until they are cleared away.
local function is_listed(place)
    local number = number_of(place)
    if is_known[number] == nil then
        is_known[number] = redis.call('HEXISTS', NUMBERS, number) == 1
    end
    return is_known[number]
end

-- The places, and behind which one more may follow.
local function read()
    local is_clean = redis.call('SCARD', GONE) == 0
    local at_once = is_clean and wanted + 1 or AT_ONCE
    local places, scanned = {}, 0
    while true do
        local some = redis.call('ZRANGEBYLEX', ORDER, low, high, 'LIMIT', 0, at_once)
        for _, place in ipairs(some) do
            if is_clean or is_listed(place) then
                if #places == wanted then
                    return places, places[wanted]
                end
                places[#places + 1] = place
            end
        end
        if #some < at_once then
            return places, ''
        end
        scanned, low = scanned + #some, '(' .. some[#some]
        if scanned >= SCANNED then
            return places, some[#some]
        end
    end
end

local places, next = read()
local total = count
if ARGV[6] ~= '' then
    total = redis.call('ZLEXCOUNT', ORDER, ARGV[6], ARGV[4])
end
local watchers, is_told = {}, {}
if ARGV[7] == '1' then
    for _, place in ipairs(places) do
        local number = number_of(place)
        if not is_told[number] then
            is_told[number] = true
            local watcher = find(redis.call('HGET', NUMBERS, number) or '')
            if watcher then
                watchers[#watchers + 1] = { number, watcher.instance, watcher.address, state_of(watcher),
                    whole(math.max(0, now_ms - watcher.heard_ms)) }
            end
        end
    end
end
return { cursor(), total, next, places, watchers }
