-- ARGV: worker, id, site, default max. The leased job goes to a host of this site, as all of its destination do from now
-- on. Returns 0; or, when the site has no room or the lease is not this worker's, the time: the job is to be given back,
-- and comes again when there is room.
local worker, id, site = ARGV[1], ARGV[2], ARGV[3]
local job = redis.call('HMGET', key(id), 'd', 'w', 'site')
if job[2] ~= worker then return math.ceil(now) end
if job[3] == site then return 0 end
leave(id)
redis.call('HSET', P .. 'dst:' .. job[1], 'site', site)
remember(job[1], now)
local room = room_at(site, ARGV[4], redis.call('HGET', P .. 'dst:' .. job[1], 'max'))
if room > 0 then join(id, site) end
ring()
return room > 0 and 0 or math.ceil(now)
