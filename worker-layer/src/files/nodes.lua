-- Reads all watchers.
--
-- Result: {cursor, time in ms, how many files there are; then eight for each watcher, by number: number, instance, address,
-- state, how many files, newest operation, ms since it was heard, why its list could not be fetched or an empty text}
--
-- Atomic, so that they are all as they are at the cursor.
local numbers = redis.call('HGETALL', NUMBERS)
local known = {}
for at = 1, #numbers, 2 do
    known[#known + 1] = { tonumber(numbers[at]), numbers[at + 1] }
end
table.sort(known, function(one, other)
    return one[1] < other[1]
end)
local told = { cursor(), whole(now_ms), whole(count) }
for _, pair in ipairs(known) do
    local watcher = find(pair[2])
    for _, text in ipairs({ watcher.number, watcher.instance, watcher.address, state_of(watcher),
        whole(redis.call('HLEN', names_of(watcher.number))), whole(watcher.seqno),
        whole(math.max(0, now_ms - watcher.heard_ms)),
        redis.call('HGET', key_of(watcher.instance), 'trouble') or '' }) do
        told[#told + 1] = text
    end
end
return told
