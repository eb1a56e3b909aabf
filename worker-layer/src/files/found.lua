-- An address has told which watcher is there: whoever else claims it goes.
--
-- ARGV[3] the address  ARGV[4] the word with which it was taken  ARGV[5] the instance that answered  ARGV[6] its IP address
-- Result: the number of the watcher if it is one that claims the address; 0 if it is a third one, which has it from now on, so
-- that it can be asked; or nothing if it cannot be there, or if the address is another's to fetch from by now
--
-- Atomic, so that nobody else takes the address in between.
local address, token, instance, ip = ARGV[3], ARGV[4], ARGV[5], ARGV[6]

if redis.call('GET', fetch_of(address)) ~= token then
    return false
end
local holder, contender = redis.call('HGET', ADDRESSES, address), redis.call('HGET', CONTENDERS, address)

-- Neither of two who claim the address is there, but a third one, whose hello was pushed aside by that of an invented one.
-- What it answers is not applied, because nobody knows how far it was when it was asked.
local function adopt()
    local watcher = find(instance)
    local is_elsewhere = watcher and (is_addressed(watcher) or not is_same_host(watcher.ip, ip))
    if not contender or has_left(instance) or is_elsewhere then
        return nil
    end
    return watcher or register(instance, ip)
end

local is_known = instance == holder or instance == contender
local watcher
if is_known then
    watcher = find(instance)
else
    watcher = adopt()
end
if not watcher then
    commit()
    return false
end
redis.call('HDEL', CONTENDERS, address)
redis.call('HSET', ADDRESSES, address, instance)
if holder and holder ~= instance then
    -- It was there before, and is not any more.
    remember(holder)
    retire(find(holder), 'replaced')
end
if contender and contender ~= instance then
    retire(find(contender), 'replaced')
end
if not is_known then
    watcher.ip, watcher.address = ip, address
    keep(watcher)
end
commit()
return is_known and tonumber(watcher.number) or 0
