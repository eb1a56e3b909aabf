-- An address has told which watcher is there: whoever else claims it goes.
--
-- ARGV[3] the address  ARGV[4] the word with which it was taken  ARGV[5] the instance that answered
-- Result: the number of the watcher; or nothing, if it is none that said hello from there, or if the address is another's
-- to fetch from by now
--
-- Atomic, so that nobody else takes the address in between.
local address, token, instance = ARGV[3], ARGV[4], ARGV[5]

if redis.call('GET', fetch_of(address)) ~= token then
    return false
end
local holder, contender = redis.call('HGET', ADDRESSES, address), redis.call('HGET', CONTENDERS, address)
local watcher = (instance == holder or instance == contender) and find(instance)
if not watcher then
    return false
end
if instance == contender then
    -- It was there before, and is not any more.
    remember(holder)
    retire(find(holder), 'replaced')
elseif contender then
    retire(find(contender), 'replaced')
end
commit()
return watcher.number
