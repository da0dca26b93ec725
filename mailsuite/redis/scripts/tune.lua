-- ARGV: destination, max, gap, open until, default max, default gap. Default limits leave no key behind.
local dest, max, gap, open = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local dst = P .. 'dst:' .. dest
local plain = max == ARGV[5] and gap == ARGV[6]
redis.call('DEL', dst)
if not plain or tonumber(open) > now then
  redis.call('HSET', dst, 'max', max, 'gap', gap, 'open', open)
  if plain then redis.call('PEXPIREAT', dst, open) end
end
for class = 0, 2 do -- the place in the ring may follow from the old limits
  if redis.call('EXISTS', P .. 'rdy:' .. class .. ':' .. dest) == 1 then
    redis.call('ZADD', P .. 'dests:' .. class, now, dest)
    rung = rung + 1
  end
end
ring()
return 1
