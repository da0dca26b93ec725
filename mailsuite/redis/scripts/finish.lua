-- ARGV: worker, id, "1" when the destination answered, default max, and due, and attempts. Without due the job is done;
-- without attempts it is given back uncounted. Returns 1, or 0 when the lease is not this worker's.
local worker, id, answered, due, attempts = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[5]), ARGV[6]
local job = redis.call('HMGET', key(id), 'd', 'p', 'w', 'site')
if job[3] ~= worker then return 0 end
seen()
local site = job[4]
if site then queue(job[1], site) end -- behind those that have waited for the room that is free now
unlease(id, job[1], worker)
if not due then
  drop(id)
else
  if attempts then
    redis.call('HSET', key(id), 'n', attempts)
    redis.call('HDEL', key(id), 'c')
  end
  -- At the end of the line: a job that cannot start must not stand before the others.
  if due <= now then ready(id, job[1], job[2], now) else delay(id, due) end
end

local function close_breaker(dest)
  redis.call('HDEL', P .. 'dst:' .. dest, 'open', 'fail', 'why', 'probe')
  redis.call('HSET', P .. 'dst:' .. dest, 'at', now)
  redis.call('ZREM', P .. 'troubled', dest)
  remember(dest, now)
  first(dest)
end

local function widen(dest, cur, limit)
  local dst = P .. 'dst:' .. dest
  if redis.call('HINCRBY', dst, 'ok', 1) < SUCCESSES then return end
  redis.call('HDEL', dst, 'ok')
  if cur + 1 < limit then redis.call('HSET', dst, 'cur', cur + 1) else redis.call('HDEL', dst, 'cur') end
  remember(dest, now)
end

if answered then
  local set = redis.call('HMGET', P .. 'dst:' .. job[1], 'fail', 'cur', 'max')
  if set[1] then close_breaker(job[1]) end
  if set[2] then widen(job[1], tonumber(set[2]), tonumber(set[3] or ARGV[4])) end
end
if not site then arm(job[1]) end
ring()
return 1
