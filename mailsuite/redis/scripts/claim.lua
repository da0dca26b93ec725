-- ARGV: worker, lease in ms, class to begin with, default max, default gap, server.
-- Returns {id, destination, attempts, expiry, site at which it counts}; or an integer: -1 the epoch is lost, else the next due time (0: none).
local worker, span, begin, server = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[6]
local PROMOTE, REAP, WALK = 100, 50, 256 -- bounds of the work of one call; the next goes on
local SPAN = 4000 -- shorter leases are not guarded against a server that stood still
local earliest = 0

local function note(at)
  if earliest == 0 or at < earliest then earliest = at end
end

-- A full destination leaves the ring of each class; it is armed, and the bell rung, when a lease of it ends.
local function disarm(dest)
  for class = 0, 2 do redis.call('ZREM', P .. 'dests:' .. class, dest) end
end

-- Emptied; or an older state: a server that started again from its files, or a replica that was promoted.
if redis.call('GET', P .. 'epoch') ~= server then return -1 end
-- Nobody was served for long, so nobody could renew either: leases that look dead may be alive.
local last = tonumber(redis.call('GET', P .. 'seen') or now)
if span >= SPAN and now - last > span / 2 then
  redis.call('DEL', P .. 'epoch')
  return -1
end
seen()

local due = redis.call('ZRANGEBYSCORE', P .. 'delay', '-inf', now, 'WITHSCORES', 'LIMIT', 0, PROMOTE)
for i = 1, #due, 2 do
  local job = redis.call('HMGET', key(due[i]), 'd', 'p')
  redis.call('ZREM', P .. 'delay', due[i])
  ready(due[i], job[1], job[2], due[i + 1])
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'lease', '-inf', now, 'LIMIT', 0, REAP)) do crashed(id) end

for turn = 0, 2 do
  local class = (begin + turn) % 3
  local dests = P .. 'dests:' .. class
  for step = 1, WALK do
    local head = redis.call('ZRANGE', dests, 0, 0, 'WITHSCORES')
    local dest, at = head[1], tonumber(head[2])
    if not dest then break end
    if at > now then note(at); break end
    local max, gap, open, failures, probing, site, room = standing(dest, ARGV[4], ARGV[5])
    local free = max - redis.call('ZCARD', P .. 'inf:' .. dest)
    if site and room < 1 then
      disarm(dest)
      queue(dest, site)
    elseif open > now then
      redis.call('ZADD', dests, open, dest)
      if site then wake(site) end
    elseif free < 1 or probing then
      disarm(dest)
      if site then wake(site) end
    else
      local ready_jobs = P .. 'rdy:' .. class .. ':' .. dest
      local id = redis.call('ZPOPMIN', ready_jobs)[1]
      if not id then
        redis.call('ZREM', dests, dest)
        if site then wake(site) end
      else
        local expiry = math.floor(now) + span
        lease(id, dest, worker, expiry)
        if site then join(id, site) end
        if gap > 0 then redis.call('SET', P .. 'start:' .. dest, now, 'PX', gap) end
        if failures > 0 then redis.call('HSET', P .. 'dst:' .. dest, 'probe', id) end
        if free == 1 or failures > 0 then disarm(dest)
        elseif site and redis.call('EXISTS', P .. 'queue:' .. site) == 1 then
          disarm(dest)
          queue(dest, site) -- behind those that have waited for room
        elseif redis.call('EXISTS', ready_jobs) == 1 then redis.call('ZADD', dests, now + gap, dest)
        else redis.call('ZREM', dests, dest) end
        if site and room > 1 then wake(site) end
        rung = rung - 1 -- the caller has it
        ring()
        return {id, dest, tonumber(redis.call('HGET', key(id), 'n')), expiry, site or ''}
      end
    end
    if step == WALK then note(now) end
  end
end
ring()
local next_due = redis.call('ZRANGE', P .. 'delay', 0, 0, 'WITHSCORES')[2]
if next_due then note(tonumber(next_due)) end
return math.ceil(earliest)
