-- ARGV: id. Drops the job in whatever state it is.
local id = ARGV[1]
local job = redis.call('HMGET', key(id), 'd', 'p', 'st', 'w')
if not job[1] then return 0 end
detach(id, job[1], job[2], job[3], job[4])
drop(id)
ring()
return 1
