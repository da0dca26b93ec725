-- ARGV: worker. A worker that lost the right (Redis was emptied again meanwhile) sets nothing: the next claim says so.
if redis.call('GET', P .. 'rebuild') ~= ARGV[1] then return 0 end
redis.call('SET', P .. 'epoch', TIME[1] .. '.' .. TIME[2])
redis.call('DEL', P .. 'rebuild')
redis.call('PUBLISH', P .. 'wake', 1)
return 1
