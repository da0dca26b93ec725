-- ARGV: worker, ms. Returns 1 when the worker has the right to rebuild, 0 when another has or nothing is lost.
if redis.call('EXISTS', P .. 'epoch') == 1 then return 0 end
local holder = redis.call('GET', P .. 'rebuild')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', P .. 'rebuild', ARGV[1], 'PX', ARGV[2])
return 1
