-- One bucket for every process: the arithmetic of middleware/http/budget.py, on the server's clock.
-- KEYS: the bucket, the sharers, the beginning. ARGV: what to do, now (empty: the server's own time),
-- who asks, the most sharers there may be, after how long a silent sharer draws on its own, after how
-- long it is forgotten, and how long a token may lie unused; then the budget and what it is asked.
-- Returns how many calls were taken, and else a wait in seconds, as text: numbers lose their fraction
-- on the way out.

local bucket_key, sharers_key, beginning_key = KEYS[1], KEYS[2], KEYS[3]
local act, now, who = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local most, quiet_s, forgotten_s = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local unused_s = tonumber(ARGV[7])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function kept(number)
  return string.format('%.17g', number)
end

if act == 'leave' then
  redis.call('ZREM', sharers_key, who)
  return {'0', '0'}
end
redis.call('ZADD', sharers_key, kept(now), who)
redis.call('ZREMRANGEBYSCORE', sharers_key, '-inf', '(' .. kept(now - forgotten_s))
-- After a flush nobody knows what was spent before, nor what is still being spent: every bucket
-- begins full, and no sooner than the last token of old has died.
redis.call('SET', beginning_key, kept(now + unused_s), 'NX')
if act == 'beat' then
  return {'0', '0'}
end

local rate, burst = tonumber(ARGV[8]), tonumber(ARGV[9])
local recovery_per_s = tonumber(ARGV[10])
local known = redis.call('HMGET', bucket_key, 'empty_at', 'pace', 'paced_at')
local empty_at, pace, paced_at = tonumber(known[1]), tonumber(known[2]), tonumber(known[3])
if not empty_at then
  empty_at = tonumber(redis.call('GET', beginning_key)) + (burst - 1) / rate
  pace, paced_at = 1, 0
end
local paced = math.min(1, pace + math.max(0, now - paced_at) * recovery_per_s)

local function keep(empty, at_pace, at)
  redis.call('HSET', bucket_key, 'empty_at', kept(empty), 'pace', kept(at_pace), 'paced_at', kept(at))
  -- Forgotten when a new bucket would give the same answers.
  local until_even = math.max(empty + 1 / rate, at + (1 - at_pace) / recovery_per_s)
  redis.call('PEXPIRE', bucket_key, math.ceil(math.max(1, until_even - now) * 1000) + 1000)
end

if act == 'take' then
  local ceiling, wanted, room_for = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
  -- What silent sharers take from their own shares is not ours to give, nor is one call of each at once.
  local silent = redis.call('ZCOUNT', sharers_key, '-inf', '(' .. kept(now - quiet_s))
  local room = (math.max(1, room_for - silent) * ceiling - 1) / rate
  local wait = math.max(0, empty_at - room - now)
  if wait > 0 then
    return {'0', kept(wait)}
  end
  local drop = 1 / (rate * paced * math.max(1 / most, 1 - silent / most))
  local level = math.max(empty_at, now)
  local fit = math.floor((now + room - level) / drop) + 1
  local taken = math.max(1, math.min(wanted, fit))
  keep(level + taken * drop, pace, paced_at)
  return {tostring(taken), '0'}
elseif act == 'penalise' then
  local first_pause_s, slowest, longest_s = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
  local asked = tonumber(ARGV[14])
  local slower = paced
  if now >= paced_at then -- else this call left before the penalty that is running
    slower = math.max(slowest, slower / 2)
  end
  local pause = asked and math.max(0, asked) or first_pause_s / slower
  local ends = math.max(paced_at, now + math.min(pause, longest_s))
  keep(math.max(empty_at, ends + (burst - 1) / rate), slower, ends)
  return {'0', '0'}
else -- 'hold': calls would be refused for so long; not at all where somebody comes back who drew
  -- on a share of its own
  local wait, longest_s = tonumber(ARGV[11]), tonumber(ARGV[12])
  keep(math.max(empty_at, now + math.min(wait, longest_s) + (burst - 1) / rate), pace, paced_at)
  return {'0', '0'}
end
