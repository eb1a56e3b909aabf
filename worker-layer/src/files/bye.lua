-- A watcher says that it leaves: its files are not listed any more, and a late hello does not bring it back.
--
-- ARGV[3] its instance  ARGV[4] the IP address it comes from
-- Result: {'elsewhere'} if it is another host's; else {'gone', cursor}
--
-- Atomic, so that all its files go as one change, and nothing that it said before comes after.
local instance, ip = ARGV[3], ARGV[4]

local watcher, is_elsewhere = find_from(instance, ip)
if is_elsewhere then
    return { 'elsewhere' }
end
remember(instance)
if watcher then
    retire(watcher, 'bye')
end
commit()
return { 'gone', cursor() }
