-- ARGV: worker, id, and due, and attempts. Without due the job is done; without attempts it is given back uncounted.
-- Returns 1, or 0 when the lease is not this worker's.
local worker, id, due, attempts = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local job = redis.call('HMGET', key(id), 'd', 'p', 'w')
if job[3] ~= worker then return 0 end
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
arm(job[1])
ring()
return 1
