-- ARGV: worker, id, lease in ms, the site that it entered or ''. Returns 1, or 0 when the lease is not this worker's.
local worker, id = ARGV[1], ARGV[2]
local job = redis.call('HMGET', key(id), 'd', 'w', 'site')
if job[2] ~= worker then return 0 end
seen()
local expiry = math.floor(now) + tonumber(ARGV[3])
redis.call('ZADD', P .. 'lease', expiry, id)
redis.call('ZADD', P .. 'inf:' .. job[1], expiry, id)
-- A lease that a rebuild restored counts nowhere else yet.
if ARGV[4] ~= '' and not job[3] then join(id, ARGV[4]) end
return 1
