-- Shared prelude of the schedule's scripts. KEYS[1] is the lane's prefix, e.g. "mq:{remote}:".
--
-- job:<id>            hash   d destination, p class, n attempts, st state, w worker, c crashes;
--                            st: "w" waiting, "r" ready, "l" leased, "x" poison. Its due time is its score in delay.
-- delay               zset   id -> due time
-- rdy:<class>:<dest>  zset   id -> time since which it is ready
-- dests:<class>       zset   ring of destinations with ready work: destination -> earliest next start
-- lease, inf:<dest>   zset   id -> lease expiry, of all and of one destination
-- wl:<worker>, workers  set  ids leased to a worker; workers that hold leases
-- dst:<dest>          hash   tuned limits: max, gap, open;  start:<dest> its last start, while a gap lasts
-- poison              zset   id -> time;  jobs: how many job hashes there are;  epoch, rebuild: see claim, begin_rebuild
--
-- Times are ms since 1970 by Redis' clock. `now` keeps its microseconds: the ring needs an order finer than 1 ms.

local P = KEYS[1]
local TIME = redis.call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000
local CRASHES = 3
local rung = 0 -- how many jobs or destinations this call made ready

local function key(id) return P .. 'job:' .. id end

-- Put a destination into the ring of each class in which it has ready work, unless it is there.
local function arm(dest)
  for class = 0, 2 do
    if redis.call('EXISTS', P .. 'rdy:' .. class .. ':' .. dest) == 1 then
      rung = rung + redis.call('ZADD', P .. 'dests:' .. class, 'NX', now, dest)
    end
  end
end

local function ready(id, dest, class, since)
  redis.call('HSET', key(id), 'st', 'r')
  redis.call('ZADD', P .. 'rdy:' .. class .. ':' .. dest, since, id)
  redis.call('ZADD', P .. 'dests:' .. class, 'NX', now, dest)
  rung = rung + 1
end

local function delay(id, due)
  redis.call('HSET', key(id), 'st', 'w')
  redis.call('ZADD', P .. 'delay', due, id)
end

local function lease(id, dest, worker, expiry)
  redis.call('HSET', key(id), 'st', 'l', 'w', worker)
  redis.call('ZADD', P .. 'lease', expiry, id)
  redis.call('ZADD', P .. 'inf:' .. dest, expiry, id)
  redis.call('SADD', P .. 'wl:' .. worker, id)
  redis.call('SADD', P .. 'workers', worker)
end

local function unlease(id, dest, worker)
  redis.call('HDEL', key(id), 'w')
  redis.call('ZREM', P .. 'lease', id)
  redis.call('ZREM', P .. 'inf:' .. dest, id)
  redis.call('SREM', P .. 'wl:' .. worker, id)
  if redis.call('EXISTS', P .. 'wl:' .. worker) == 0 then redis.call('SREM', P .. 'workers', worker) end
end

-- A job whose lease died: ready again at the end of its line, or poison.
local function crashed(id)
  local job = redis.call('HMGET', key(id), 'd', 'p', 'w')
  unlease(id, job[1], job[3])
  if redis.call('HINCRBY', key(id), 'c', 1) >= CRASHES then
    redis.call('HSET', key(id), 'st', 'x')
    redis.call('ZADD', P .. 'poison', now, id)
  else
    ready(id, job[1], job[2], now)
  end
  arm(job[1])
end

-- Take a job out of whatever holds it; its hash stays.
local function detach(id, dest, class, state, worker)
  if state == 'l' then unlease(id, dest, worker); arm(dest)
  elseif state == 'r' then redis.call('ZREM', P .. 'rdy:' .. class .. ':' .. dest, id)
  elseif state == 'w' then redis.call('ZREM', P .. 'delay', id)
  else redis.call('ZREM', P .. 'poison', id) end
end

local function drop(id)
  redis.call('DEL', key(id))
  redis.call('DECR', P .. 'jobs')
end

-- The doorbell.
local function ring()
  if rung > 0 then redis.call('PUBLISH', P .. 'wake', rung) end
end
