-- ARGV: destination, max, gap, open until, default max, default gap. Default limits leave no key behind.
local dest, max, gap, open = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local dst = P .. 'dst:' .. dest
redis.call('DEL', dst)
redis.call('ZREM', P .. 'troubled', dest)
if max ~= ARGV[5] or gap ~= ARGV[6] then redis.call('HSET', dst, 'max', max, 'gap', gap) end
if tonumber(open) > now then
  redis.call('HSET', dst, 'open', open)
  if redis.call('HEXISTS', dst, 'max') == 0 then redis.call('PEXPIREAT', dst, open) end
end
first(dest)
ring()
return 1
