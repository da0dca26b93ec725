-- ARGV: five for each job: id, destination, class, due, attempts. Known jobs stay as they are.
-- Returns how many were new.
local new = 0
for i = 1, #ARGV, 5 do
  local id, dest, class, due = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  if redis.call('HSETNX', key(id), 'd', dest) == 1 then
    redis.call('HSET', key(id), 'p', class, 'n', ARGV[i + 4])
    if due <= now then ready(id, dest, class, due) else delay(id, due) end
    new = new + 1
  end
end
if new > 0 then redis.call('INCRBY', P .. 'jobs', new) end
ring()
return new
