-- ARGV: slot, incarnation that lives. Ends the leases of all other workers of the slot, and a right to rebuild that one of
-- them had when it died; returns how many leases.
local start, alive, count = ARGV[1] .. '/', ARGV[2], 0
local rebuilder = redis.call('GET', P .. 'rebuild')
if rebuilder and rebuilder ~= alive and string.sub(rebuilder, 1, #start) == start then
  redis.call('DEL', P .. 'rebuild')
end
for _, worker in ipairs(redis.call('SMEMBERS', P .. 'workers')) do
  if worker ~= alive and string.sub(worker, 1, #start) == start then
    for _, id in ipairs(redis.call('SMEMBERS', P .. 'wl:' .. worker)) do
      crashed(id)
      count = count + 1
    end
  end
end
ring()
return count
