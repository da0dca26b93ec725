-- KEYS: permits of a site (zset holder -> expiry), the last time that was given out for asking again.
-- ARGV: holder, lease in ms, limit. Returns 0 when the holder has a permit, else when to ask again.
local PAUSE, APART, MOST = 1000, 50, 60000 -- those who must wait ask one after the other, not all at once
local TIME = redis.call('TIME')
local now = TIME[1] * 1000 + math.floor(TIME[2] / 1000)
local holder, span = ARGV[1], tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], holder) or redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('ZADD', KEYS[1], now + span, holder)
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
  redis.call('PEXPIREAT', KEYS[1], last)
  return 0
end
local at = math.min(math.max(now + PAUSE, tonumber(redis.call('GET', KEYS[2]) or 0) + APART), now + MOST)
redis.call('SET', KEYS[2], at, 'PX', at - now)
return at
