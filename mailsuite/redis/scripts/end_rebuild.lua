-- ARGV: worker, server. One that lost the right (Redis was emptied again meanwhile) sets nothing: the next claim says so.
if redis.call('GET', P .. 'rebuild') ~= ARGV[1] then return 0 end
redis.call('SET', P .. 'epoch', ARGV[2])
redis.call('DEL', P .. 'rebuild')
seen()
redis.call('PUBLISH', P .. 'wake', 1)
return 1
