-- ARGV: id, destination, class, attempts, worker, lease expiry, ms by which the right to rebuild is prolonged.
-- Makes a job leased that is unknown, waiting or ready.
local id, dest, class, worker = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
redis.call('PEXPIRE', P .. 'rebuild', ARGV[7])
local job = redis.call('HMGET', key(id), 'd', 'p', 'st')
if job[3] == 'l' or job[3] == 'x' then return 0 end
if job[1] then detach(id, job[1], job[2], job[3]) else redis.call('INCR', P .. 'jobs') end
redis.call('HSET', key(id), 'd', dest, 'p', class, 'n', ARGV[4])
lease(id, dest, worker, ARGV[6])
return 1
