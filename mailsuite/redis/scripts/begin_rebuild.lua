-- ARGV: worker, ms, server. Returns 1 when the worker has the right to rebuild, 0 when another has or nothing is lost.
if redis.call('GET', P .. 'epoch') == ARGV[3] then return 0 end
local holder = redis.call('GET', P .. 'rebuild')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', P .. 'rebuild', ARGV[1], 'PX', ARGV[2])
redis.call('DEL', P .. 'epoch')
-- Leases of an older state mean nothing: those that the store knows are put back.
for _, id in ipairs(redis.call('ZRANGE', P .. 'lease', 0, -1)) do
  local job = redis.call('HMGET', key(id), 'd', 'p', 'w')
  unlease(id, job[1], job[3])
  ready(id, job[1], job[2], now)
end
return 1
