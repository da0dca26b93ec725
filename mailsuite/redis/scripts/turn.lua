-- ARGV: id. Returns {state, due, worker, until}, or nothing when the job is unknown.
local id = ARGV[1]
local job = redis.call('HMGET', key(id), 'd', 'p', 'st', 'w', 's')
if not job[1] then return false end
local function score(name) return math.floor(tonumber(redis.call('ZSCORE', P .. name, id))) end
if job[3] == 'w' then return {'waiting', score('delay'), '', 0} end
if job[3] == 'r' then return {'ready', score('rdy:' .. job[2] .. ':' .. job[1]), '', 0} end
if job[3] == 'x' then return {'poison', score('poison'), '', 0} end
return {'leased', math.floor(tonumber(job[5])), job[4], score('lease')}
