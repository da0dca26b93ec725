-- ARGV: worker, lease in ms, class to begin with, default max, default gap.
-- Returns {id, destination, attempts, expiry}; or an integer: -1 the epoch is lost, else the next due time (0: none).
local worker, span, first = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local PROMOTE, REAP, WALK = 100, 50, 256 -- bounds of the work of one call; the next goes on
local earliest = 0

local function note(at)
  if earliest == 0 or at < earliest then earliest = at end
end

local function limits(dest)
  local set = redis.call('HMGET', P .. 'dst:' .. dest, 'max', 'gap', 'open')
  local gap = tonumber(set[2] or ARGV[5])
  local open = tonumber(set[3] or 0)
  if gap > 0 then open = math.max(open, tonumber(redis.call('GET', P .. 'start:' .. dest) or 0) + gap) end
  return tonumber(set[1] or ARGV[4]), gap, open
end

-- A full destination leaves the ring of each class; it is armed, and the bell rung, when a lease of it ends.
local function disarm(dest)
  for class = 0, 2 do redis.call('ZREM', P .. 'dests:' .. class, dest) end
end

if redis.call('EXISTS', P .. 'epoch') == 0 then return -1 end

local due = redis.call('ZRANGEBYSCORE', P .. 'delay', '-inf', now, 'WITHSCORES', 'LIMIT', 0, PROMOTE)
for i = 1, #due, 2 do
  local job = redis.call('HMGET', key(due[i]), 'd', 'p')
  redis.call('ZREM', P .. 'delay', due[i])
  ready(due[i], job[1], job[2], due[i + 1])
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'lease', '-inf', now, 'LIMIT', 0, REAP)) do crashed(id) end

for turn = 0, 2 do
  local class = (first + turn) % 3
  local dests = P .. 'dests:' .. class
  for step = 1, WALK do
    local head = redis.call('ZRANGE', dests, 0, 0, 'WITHSCORES')
    local dest, at = head[1], tonumber(head[2])
    if not dest then break end
    if at > now then note(at); break end
    local max, gap, open = limits(dest)
    local free = max - redis.call('ZCARD', P .. 'inf:' .. dest)
    if open > now then
      redis.call('ZADD', dests, open, dest)
    elseif free < 1 then
      disarm(dest)
    else
      local ready_jobs = P .. 'rdy:' .. class .. ':' .. dest
      local id = redis.call('ZPOPMIN', ready_jobs)[1]
      if not id then
        redis.call('ZREM', dests, dest)
      else
        local expiry = math.floor(now) + span
        lease(id, dest, worker, expiry)
        if gap > 0 then redis.call('SET', P .. 'start:' .. dest, now, 'PX', gap) end
        if free == 1 then disarm(dest)
        elseif redis.call('EXISTS', ready_jobs) == 1 then redis.call('ZADD', dests, now + gap, dest)
        else redis.call('ZREM', dests, dest) end
        rung = rung - 1 -- the caller has it
        ring()
        return {id, dest, tonumber(redis.call('HGET', key(id), 'n')), expiry}
      end
    end
    if step == WALK then note(now) end
  end
end
ring()
local next_due = redis.call('ZRANGE', P .. 'delay', 0, 0, 'WITHSCORES')[2]
if next_due then note(tonumber(next_due)) end
return math.ceil(earliest)
