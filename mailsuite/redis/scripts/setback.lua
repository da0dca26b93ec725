-- ARGV: worker, id, "1" when the destination is only busy, default max, reason, and the waits in ms.
-- Returns {1 when the attempt counts, when the job may come again}.
local worker, id, busy, wait = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[6])
local soon = math.floor(now) + wait
local job = redis.call('HMGET', key(id), 'd', 'w', 's')
if job[2] ~= worker then return {0, soon} end
local dest = job[1]
local dst = P .. 'dst:' .. dest
local set = redis.call('HMGET', dst, 'max', 'cur', 'open', 'fail', 'at')
local open = tonumber(set[3] or 0)
if open > now then return {0, math.ceil(open)} end
if tonumber(job[3]) <= tonumber(set[5] or 0) then return {0, soon} end

redis.call('HSET', dst, 'at', now)
local max = tonumber(set[1] or ARGV[4])
local cur = math.min(max, tonumber(set[2] or max))
if busy and cur > 1 then
  redis.call('HSET', dst, 'cur', math.floor(cur / 2))
  redis.call('HDEL', dst, 'ok')
  remember(dest, now)
  return {0, soon}
end
local failures = tonumber(set[4] or 0) + 1
open = math.floor(now) + tonumber(ARGV[5 + math.min(failures, #ARGV - 5)])
redis.call('HSET', dst, 'open', open, 'fail', failures, 'why', ARGV[5])
redis.call('HDEL', dst, 'probe')
remember(dest, open)
redis.call('ZREMRANGEBYSCORE', P .. 'troubled', '-inf', now)
redis.call('ZADD', P .. 'troubled', open + REMEMBER, dest)
return {1, open}
