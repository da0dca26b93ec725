-- Shared prelude of the schedule's scripts. KEYS[1] is the lane's prefix, e.g. "mq:{remote}:".
--
-- job:<id>            hash   d destination, p class, n attempts, st state, w worker, s start of the lease, c crashes,
--                            site at which a leased one counts;
--                            st: "w" waiting, "r" ready, "l" leased, "x" poison. Its due time is its score in delay.
-- delay               zset   id -> due time
-- rdy:<class>:<dest>  zset   id -> time since which it is ready
-- dests:<class>       zset   ring of destinations with ready work: destination -> earliest next start
-- lease, inf:<dest>   zset   id -> lease expiry, of all and of one destination
-- site:<site>         set    leased ids that count at a site
-- queue:<site>        zset   destinations that wait for room at a site -> since when; while there is room and one waits,
--                            another of the site stands in the ring
-- wl:<worker>, workers  set  ids leased to a worker; workers that hold leases
-- dst:<dest>          hash   tuned limits: max, gap; breaker: open until, fail failures in a row, why, probe id of the job
--                            that tries; cur adaptive maximum, ok successes since it changed; at the last change of these;
--                            site of its hosts, as long as it is known
-- start:<dest>        string its last start, while a gap lasts
-- troubled            zset   destinations whose breaker is open -> when that is forgotten
-- poison              zset   id -> time;  jobs: how many job hashes there are
-- epoch               string the server (its run_id) that these data were made on;  rebuild: see begin_rebuild
-- seen                string when a worker last claimed, renewed or finished
--
-- Times are ms since 1970 by Redis' clock. `now` keeps its microseconds: the ring needs an order finer than 1 ms.

local P = KEYS[1]
local TIME = redis.call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000
local CRASHES = 3
local SUCCESSES = 20 -- so many add one to an adaptive maximum
local REMEMBER = 86400000 -- ms for which an untuned destination's state is kept after its last change
local rung = 0 -- how many jobs or destinations this call made ready

local function key(id) return P .. 'job:' .. id end

-- Put a destination into the ring of each class in which it has ready work, unless it is there. Has it any?
local function arm(dest)
  local work = false
  for class = 0, 2 do
    if redis.call('EXISTS', P .. 'rdy:' .. class .. ':' .. dest) == 1 then
      rung = rung + redis.call('ZADD', P .. 'dests:' .. class, 'NX', now, dest)
      work = true
    end
  end
  return work
end

-- A site has room, or the destination that might have used it cannot: the one that has waited longest is next.
local function wake(site)
  repeat
    local dest = redis.call('ZPOPMIN', P .. 'queue:' .. site)[1]
  until not dest or arm(dest)
end

local function queue(dest, site) redis.call('ZADD', P .. 'queue:' .. site, 'NX', now, dest) end

-- How many more may be sent to a site at a time: as many as to a destination, and more if one is tuned so.
local function room_at(site, plain_max, tuned_max)
  local max = math.max(tonumber(plain_max), tonumber(tuned_max or 0))
  return max - redis.call('SCARD', P .. 'site:' .. site)
end

local function join(id, site)
  redis.call('SADD', P .. 'site:' .. site, id)
  redis.call('HSET', key(id), 'site', site)
end

local function leave(id)
  local site = redis.call('HGET', key(id), 'site')
  if not site then return end
  redis.call('SREM', P .. 'site:' .. site, id)
  redis.call('HDEL', key(id), 'site')
  wake(site)
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
  redis.call('HSET', key(id), 'st', 'l', 'w', worker, 's', now)
  redis.call('ZADD', P .. 'lease', expiry, id)
  redis.call('ZADD', P .. 'inf:' .. dest, expiry, id)
  redis.call('SADD', P .. 'wl:' .. worker, id)
  redis.call('SADD', P .. 'workers', worker)
end

local function unlease(id, dest, worker)
  leave(id)
  redis.call('HDEL', key(id), 'w', 's')
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

-- How a destination may be used: maximum now, gap, earliest next start, failures in a row, probe under way (or false),
-- its site (or false) and the room there.
local function standing(dest, plain_max, plain_gap)
  local set = redis.call('HMGET', P .. 'dst:' .. dest, 'max', 'gap', 'open', 'cur', 'fail', 'probe', 'site')
  local max, gap, open = tonumber(set[1] or plain_max), tonumber(set[2] or plain_gap), tonumber(set[3] or 0)
  if set[4] then max = math.min(max, tonumber(set[4])) end
  if gap > 0 then open = math.max(open, tonumber(redis.call('GET', P .. 'start:' .. dest) or 0) + gap) end
  local probing = set[6] and redis.call('ZSCORE', P .. 'inf:' .. dest, set[6])
  local room = set[7] and room_at(set[7], plain_max, set[1])
  return max, gap, open, tonumber(set[5] or 0), probing, set[7], room
end

-- What was learnt about a destination that nobody tuned is forgotten in the end.
local function remember(dest, until_)
  local dst = P .. 'dst:' .. dest
  if redis.call('HEXISTS', dst, 'max') == 0 then redis.call('PEXPIREAT', dst, math.floor(until_) + REMEMBER) end
end

-- A destination with ready work may start now, whatever its place in the ring was.
local function first(dest)
  for class = 0, 2 do redis.call('ZREM', P .. 'dests:' .. class, dest) end
  arm(dest)
end

-- The schedule is in use: see claim.
local function seen() redis.call('SET', P .. 'seen', now) end

-- The doorbell.
local function ring()
  if rung > 0 then redis.call('PUBLISH', P .. 'wake', rung) end
end
