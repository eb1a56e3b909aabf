-- Applies operations of one watcher, by ascending number.
--
-- ARGV[3] its instance  ARGV[4] the IP address it comes from
-- Then three for each operation: `+` if a file is there now, `-` if it is not any more; the number; the name.
-- Result: {'elsewhere'} if it is another host's; {'full'} if there are too many watchers; {'gone', cursor} if it has left;
-- {'files', cursor} if there are too many files: operations before that were applied; else {'here', cursor, its state,
-- its newest operation, 1 if it was found to have missed something just now, else 0}
--
-- Atomic, because comparing the numbers, listing, logging and publishing are one step: each operation is applied once, and
-- none after a later one.
local HEAD = 4
-- The number of a watcher's first operation.
local FIRST = 2
-- What stands for what is no UTF-8. Several files can look the same, so that one of them went says little.
local REPLACEMENT = '\239\191\189'
local instance, ip = ARGV[3], ARGV[4]

-- Remembers that a name went, for a list that is being fetched and still has it.
local function note_removal(watcher, name, seqno)
    local removed = removed_of(watcher.number)
    redis.call('ZADD', removed, seqno, name)
    local surplus = redis.call('ZCARD', removed) - LIMIT.removals
    if surplus > 0 then
        local last = redis.call('ZRANGE', removed, surplus - 1, surplus - 1, 'WITHSCORES')
        watcher.floor = math.max(watcher.floor, tonumber(last[2]))
        redis.call('ZREMRANGEBYRANK', removed, 0, surplus - 1)
    end
end

-- False if there are too many files.
local function apply(watcher, op, seqno, name)
    if op == '+' then
        if not add(watcher, name, seqno) then
            return false
        end
        redis.call('ZREM', removed_of(watcher.number), name)
    else
        remove(watcher, name)
        note_removal(watcher, name, seqno)
        if string.find(name, REPLACEMENT, 1, true) then
            miss(watcher)
        end
    end
    if seqno > math.max(watcher.seqno, FIRST - 1) + 1 then
        miss(watcher)
    end
    watcher.seqno = seqno
    return true
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
-- Before what it says of its files.
describe(watcher)
local is_full, was_dirty = false, watcher.dirty_ms > 0
for at = HEAD + 1, #ARGV, 3 do
    local seqno = tonumber(ARGV[at + 1])
    if seqno > watcher.seqno and not apply(watcher, ARGV[at], seqno, ARGV[at + 2]) then
        miss(watcher)
        is_full = true
        break
    end
end
watcher.turn, watcher.patched_ms = watcher.turn + 1, now_ms
if watcher.dirty_ms > 0 and is_addressed(watcher) then
    schedule(watcher)
end
keep(watcher)
commit()
if is_full then
    return { 'files', cursor() }
end
local is_due = not was_dirty and watcher.dirty_ms > 0 and 1 or 0
return { 'here', cursor(), state_of(watcher), whole(watcher.seqno), is_due }
