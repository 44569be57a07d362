-- A consistent book: both sides as they were after one event.
--
-- EVAL_RO "<this text>" 0 PREFIX SYMBOL LEVELS      (also on a replica)
--
-- Returns {next_event, bids, asks}: each side a list of {price, quantity, orders}, best first, as
-- texts; nil where the exchange's state is not there (yet).
local prefix, symbol, levels = ARGV[1], ARGV[2], tonumber(ARGV[3])
local next_event = redis.call('HGET', prefix .. ':sequence', 'next_event')
if not next_event then return false end

local function side(name, command)
  local rows = {}
  for _, price in ipairs(redis.call(command, prefix .. ':' .. name .. ':' .. symbol, 0, levels - 1)) do
    local level = redis.call('HGET', prefix .. ':' .. name .. '_levels:' .. symbol, price)
    local quantity, orders = string.match(level, '^(%d+):(%d+)$')
    rows[#rows + 1] = {price, quantity, orders}
  end
  return rows
end

return {next_event, side('bids', 'ZREVRANGE'), side('asks', 'ZRANGE')}
