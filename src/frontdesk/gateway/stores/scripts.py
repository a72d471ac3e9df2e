"""The Lua scripts of `redis`: each is one step that nothing comes between.

A counter is a hash of `s` (settled) and `r` (reserved). What a process holds is a hash `open:<process>` from the id of
a reservation to packed [counter key, unit, amount] triples; whoever has one is in the sorted set of processes, scored
by when it was last heard of (Redis' own milliseconds). A counter is given a life, not an end: the clocks of those who
ask may be far from that of Redis. Amounts are whole and at most 2^53, which doubles hold exactly.
"""

import hashlib

UNSEEDED = -2
"""What `RESERVE` answers instead of a place when Redis has lost the counters, or never had them."""

_WHOLE = """
local function whole(number) return string.format('%.0f', number) end
"""

_RETURNED = """
local function returned(parts)
  for _, part in ipairs(parts) do
    local reserved = redis.call('HGET', part[1], 'r')
    if reserved then redis.call('HSET', part[1], 'r', whole(math.max(0, tonumber(reserved) - part[3]))) end
  end
end
"""

_SEEN = """
local function now_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
"""

# KEYS: marker, open:<process>, processes, counters.
# ARGV: reservation, process, need of each unit, want of each unit, then for each counter: unit, limit, its life in ms.
# Answers the place that refuses or -1, then what each counter had left.
RESERVE = (
    _WHOLE
    + _RETURNED
    + _SEEN
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return {-2} end
local held = redis.call('HGET', KEYS[2], ARGV[1])
if held then
  returned(cmsgpack.unpack(held))
  redis.call('HDEL', KEYS[2], ARGV[1])
end
local refused, answer, states = -1, {-1}, {}
for at = 1, #KEYS - 3 do
  local key, base = KEYS[at + 3], 6 + 3 * at
  local unit, limit = tonumber(ARGV[base]), tonumber(ARGV[base + 1])
  local counter = redis.call('HMGET', key, 's', 'r')
  local reserved = tonumber(counter[2] or 0)
  local left = math.max(0, limit - tonumber(counter[1] or 0) - reserved)
  if refused < 0 and left < tonumber(ARGV[3 + unit]) then refused = at - 1 end
  answer[at + 1] = left
  states[at] = {key, unit, math.min(left, tonumber(ARGV[6 + unit])), reserved, not counter[1] and not counter[2]}
end
answer[1] = refused
if refused >= 0 then return answer end
local parts = {}
for at, state in ipairs(states) do
  redis.call('HSET', state[1], 'r', whole(state[4] + state[3]))
  if state[5] then redis.call('PEXPIRE', state[1], ARGV[8 + 3 * at]) end
  parts[at] = {state[1], state[2], state[3]}
end
redis.call('HSET', KEYS[2], ARGV[1], cmsgpack.pack(parts))
if redis.call('HLEN', KEYS[2]) == 1 then redis.call('ZADD', KEYS[3], 'NX', now_ms(), ARGV[2]) end
return answer
"""
)

# KEYS: open:<process>, processes, counters.
# ARGV: reservation, process, then for each counter: unit, amount, its life in ms.
# Reserves without a limit what Redis has lost; what it has stays as it is, so that this can be repeated.
RESTORE = (
    _WHOLE
    + _SEEN
    + """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
local parts = {}
for at = 1, #KEYS - 2 do
  local key, unit, amount = KEYS[at + 2], tonumber(ARGV[3 * at]), tonumber(ARGV[3 * at + 1])
  local is_new = redis.call('EXISTS', key) == 0
  redis.call('HSET', key, 'r', whole(tonumber(redis.call('HGET', key, 'r') or 0) + amount))
  if is_new then redis.call('PEXPIRE', key, ARGV[3 * at + 2]) end
  parts[at] = {key, unit, amount}
end
redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(parts))
redis.call('ZADD', KEYS[2], 'NX', now_ms(), ARGV[2])
return 1
"""
)

# KEYS: open:<process>. ARGV: reservation, what was spent of each unit, the most that a counter holds.
SETTLE = (
    _WHOLE
    + """
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
for _, part in ipairs(cmsgpack.unpack(held)) do
  local counter = redis.call('HMGET', part[1], 's', 'r')
  if counter[1] or counter[2] then
    local settled = math.min(tonumber(counter[1] or 0) + tonumber(ARGV[2 + part[2]]), tonumber(ARGV[5]))
    redis.call('HSET', part[1], 's', whole(settled), 'r', whole(math.max(0, tonumber(counter[2] or 0) - part[3])))
  end
end
return 1
"""
)

# KEYS: processes. ARGV: process, silence in ms, prefix of the open hashes, 1 if the process leaves.
# Answers how many processes are alive, and the reservations that this one holds.
BEAT = (
    _WHOLE
    + _RETURNED
    + _SEEN
    + """
local function retire(process)
  local open = ARGV[3] .. process
  for _, held in ipairs(redis.call('HVALS', open)) do returned(cmsgpack.unpack(held)) end
  redis.call('DEL', open)
  redis.call('ZREM', KEYS[1], process)
end
local now, own = now_ms(), {}
if ARGV[4] == '1' then
  retire(ARGV[1])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  own = redis.call('HKEYS', ARGV[3] .. ARGV[1])
end
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]), 'LIMIT', 0, 16)
for _, process in ipairs(silent) do retire(process) end
return {redis.call('ZCARD', KEYS[1]), own}
"""
)

# KEYS: counters. ARGV: for each counter its settled sum and its life in ms.
RAISE = (
    _WHOLE
    + """
for at, key in ipairs(KEYS) do
  local counter = redis.call('HMGET', key, 's', 'r')
  local sum = tonumber(ARGV[2 * at - 1])
  if tonumber(counter[1] or 0) < sum then redis.call('HSET', key, 's', whole(sum)) end
  if not counter[1] and not counter[2] then redis.call('PEXPIRE', key, ARGV[2 * at]) end
end
return 1
"""
)


def digest(script: str) -> str:
    """Name a script as Redis does."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


TEXTS: dict[str, str] = {digest(script): script for script in (RESERVE, RESTORE, SETTLE, BEAT, RAISE)}
"""The scripts by what EVALSHA calls them."""
