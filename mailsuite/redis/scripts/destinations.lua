-- ARGV: default max, default gap, most, and destinations; without these: all with work or an open breaker, by name.
-- Returns {destination, in flight, ready, max, next start, open until, failures, reason, site, room there} for each.
local most = tonumber(ARGV[3])
local names = {}
for i = 4, #ARGV do names[#names + 1] = ARGV[i] end

local function all()
  local known = {}
  local function take(dest)
    if dest and not known[dest] then
      known[dest] = true
      names[#names + 1] = dest
    end
  end
  redis.call('ZREMRANGEBYSCORE', P .. 'troubled', '-inf', now)
  for _, ring_name in ipairs({'troubled', 'dests:0', 'dests:1', 'dests:2'}) do
    for _, dest in ipairs(redis.call('ZRANGE', P .. ring_name, 0, most - 1)) do take(dest) end
  end
  -- Full ones, and those of full sites, are in no ring.
  local sites = {}
  for _, id in ipairs(redis.call('ZRANGE', P .. 'lease', 0, 10 * most - 1)) do
    local job = redis.call('HMGET', key(id), 'd', 'site')
    take(job[1])
    if job[2] then sites[job[2]] = true end
  end
  for site in pairs(sites) do
    for _, dest in ipairs(redis.call('ZRANGE', P .. 'queue:' .. site, 0, most - 1)) do take(dest) end
  end
  table.sort(names)
end

local wanted = #ARGV > 3
if not wanted then all() end
local found = {}
for _, dest in ipairs(names) do
  local max, gap, _, failures, _, site, room = standing(dest, ARGV[1], ARGV[2])
  local set = redis.call('HMGET', P .. 'dst:' .. dest, 'open', 'why')
  local flying, waiting, open, start = redis.call('ZCARD', P .. 'inf:' .. dest), 0, tonumber(set[1] or 0), 0
  if failures == 0 and open <= now then open = 0 end
  for class = 0, 2 do waiting = waiting + redis.call('ZCARD', P .. 'rdy:' .. class .. ':' .. dest) end
  if gap > 0 then start = tonumber(redis.call('GET', P .. 'start:' .. dest) or -gap) + gap end
  if start <= now then start = 0 end
  -- A ring may still name one whose last job was dropped.
  if #found < most and (wanted or flying + waiting + failures > 0) then
    found[#found + 1] = {dest, flying, waiting, max, math.ceil(start), math.ceil(open), failures, set[2] or '', site or '', room or 0}
  end
end
return found
