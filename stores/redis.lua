--[[
redis.lua - all that syncbed does inside Redis: one script, whose first argument names the verb.

A script runs alone, and its effects reach the append-only file together. Everything is checked
before anything is written, so that a refusal leaves nothing behind.

  k:<key>    hash    val, num, n: the key's text, its number, the length of its journal; version,
                     once a versioned write has set it
  j:<key>    list    its journal, "n request operation" each
  l:<key>    string  the gid whose intent has it locked; locks never time out
  q:<key>    zset    gids that wait for it, by the time (us) until which they wait
  w:<gid>    list    a token for a waiter: "try again"
  x:<gid>    hash    an intent: state, at, ...; it stays, committed or aborted, until forgotten
  r:<id>     string  this request was executed; for an hour, where executing is to be done once
  x          set     the gids of intents that are not decided
  hand       hash    gid -> "committed|aborted at": settled by hand, until forgotten
  epoch      hash    owner -> epoch
  mark       hash    owner -> "epoch incarnation sequence": how far its decision log had got
  s:<topic>  hash    epoch, owner, p<partition> -> position

An intent is Redis' stand-in for a prepared transaction: its operations are kept in x:<gid>, its
keys locked, and commit writes them. `prepare` takes all its locks at once or none, so nobody waits
holding some. Who has to wait joins the queues of all its keys in one step, so any two waiters stand
in the same order everywhere, and nobody waits in a circle. Waiting may time out, which is why the
queues hold times: an entry whose time is over belongs to a client that is gone.

Operations come as triples: key, the journal's text ("0 w c3-17", "0 w@1234 c3-17", or "r 0" for a
read), bound of an incr or ''. Replies are {status, detail, ...}.
]]

local TOMBSTONE_MS = '600000' -- longer than anything sent before a connection broke can be under way
local REMEMBER_MS = '3600000'
local EXACT = 2 ^ 53          -- a Lua number holds no larger integer

local staged, touched = {}, {}

local function text_of(number)
    return string.format('%.0f', number)
end

local function now_us()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Of two versions, as decimal texts: they may be above what a Lua number holds.
local function is_above(version, than)
    return #version > #than or (#version == #than and version > than)
end

-- --- a key's state, read once and written once ---------------------------------------------------

local function look(key)
    local s = staged[key]
    if not s then
        local found = redis.call('HMGET', 'k:' .. key, 'val', 'num', 'n', 'version')
        s = {val = found[1], num = tonumber(found[2] or 0), n = tonumber(found[3] or 0),
            version = found[4] or '0', journal = {}}
        staged[key] = s
        touched[#touched + 1] = key
    end
    return s
end

-- As journal_fold() in model/txn.c: 256 bytes of whole characters.
local function cut(list)
    local size = 256
    if #list <= size then
        return list
    end
    while size > 0 and math.floor(list:byte(size + 1) / 64) == 2 do
        size = size - 1
    end
    return list:sub(1, size)
end

-- Returns why not, or nothing.
local function change(key, request, operation, bound)
    local s = look(key)
    local kind, version, argument = operation:match('^%d+ (%a+)@?(%d*) (.*)$')
    if version ~= '' then
        if is_above(version, s.version) then
            s.val, s.version = argument, version
        end
    elseif kind == 'insert' and s.val then
        return key .. ': exists'
    elseif kind == 'incr' then
        local delta = tonumber(argument)
        local num = s.num + delta
        if math.abs(delta) >= EXACT or math.abs(num) >= EXACT then
            return key .. ': number out of range'
        elseif bound ~= '' and num < tonumber(bound) then
            return key .. ': below ' .. bound
        end
        s.num = num
        s.val = text_of(num)
    elseif kind == 'append' and s.val then
        s.val = cut(s.val .. ',' .. argument)
    else
        s.val = argument
    end
    s.n = s.n + 1
    s.journal[#s.journal + 1] = text_of(s.n) .. ' ' .. request .. ' ' .. operation
end

local function write_all(journalled)
    for _, key in ipairs(touched) do
        local s = staged[key]
        if #s.journal > 0 then
            redis.call('HSET', 'k:' .. key, 'val', s.val, 'num', text_of(s.num), 'n', text_of(s.n))
            if s.version ~= '0' then
                redis.call('HSET', 'k:' .. key, 'version', s.version)
            end
        end
        for first = 1, journalled and #s.journal or 0, 1000 do -- unpack() has a limit
            redis.call('RPUSH', 'j:' .. key, unpack(s.journal, first, math.min(first + 999, #s.journal)))
        end
    end
end

-- Do the operations from ARGV[first] on, in memory. Returns what was read, or nil and why not.
local function stage(request, first)
    local reads = {}
    for i = first, #ARGV, 3 do
        local key, operation = ARGV[i], ARGV[i + 1]
        local index = operation:match('^r (%d+)$')
        if index then
            local s = look(key)
            reads[#reads + 1] = index
            reads[#reads + 1] = s.val
            reads[#reads + 1] = text_of(s.n)
        else
            local why = change(key, request, operation, ARGV[i + 2])
            if why then
                return nil, why
            end
        end
    end
    return reads
end

local function ok(found)
    local reply = {'ok', ''}
    for i, value in ipairs(found or {}) do
        reply[i + 2] = value
    end
    return reply
end

-- --- locks and queues ----------------------------------------------------------------------------

local function wake_next(key)
    redis.call('ZREMRANGEBYSCORE', 'q:' .. key, '-inf', text_of(now_us()))
    local first = redis.call('ZRANGE', 'q:' .. key, 0, 0)[1]
    if first then
        redis.call('RPUSH', 'w:' .. first, 'go')
        redis.call('PEXPIRE', 'w:' .. first, TOMBSTONE_MS)
    end
end

local function leave_queues(gid, keys)
    redis.call('DEL', 'w:' .. gid)
    for _, key in ipairs(keys) do
        if redis.call('ZREM', 'q:' .. key, gid) == 1 and redis.call('EXISTS', 'l:' .. key) == 0 then
            wake_next(key)
        end
    end
end

local function unlock(gid)
    for _, key in ipairs(cmsgpack.unpack(redis.call('HGET', 'x:' .. gid, 'keys'))) do
        redis.call('DEL', 'l:' .. key)
        wake_next(key)
    end
    redis.call('SREM', 'x', gid)
end

-- The first of `keys` that is locked, or before which somebody stands who came earlier.
local function blocked_at(keys, came, now)
    for _, key in ipairs(keys) do
        if redis.call('EXISTS', 'l:' .. key) == 1 then
            return key
        end
        if came and redis.call('ZCOUNT', 'q:' .. key, '(' .. text_of(now), '(' .. came) > 0 then
            return key
        end
    end
end

local function keys_from(first)
    local keys, seen = {}, {}
    for i = first, #ARGV, 3 do
        if not seen[ARGV[i]] then
            seen[ARGV[i]] = true
            keys[#keys + 1] = ARGV[i]
        end
    end
    return keys
end

-- A read alone takes what is committed, unless it is `locking`. One of several must not come before
-- an intent at one key and after it at another.
local function locked_by_an_intent(first, step, locking)
    local several = locking or first + step <= #ARGV
    if redis.call('EXISTS', 'x') == 0 then
        return nil
    end
    for i = first, #ARGV, step do
        if (several or ARGV[i + 1]:sub(1, 1) ~= 'r') and redis.call('EXISTS', 'l:' .. ARGV[i]) == 1 then
            return ARGV[i]
        end
    end
end

-- --- verbs: direct -------------------------------------------------------------------------------

local verbs = {}

local function staged_a_change()
    for _, key in ipairs(touched) do
        if #staged[key].journal > 0 then
            return true
        end
    end
end

-- execute journalled once locking request operation...
function verbs.execute(journalled, once, locking, request)
    if once == '1' and redis.call('EXISTS', 'r:' .. request) == 1 then
        return {'ok', 'again'}
    end
    local locked = locked_by_an_intent(6, 3, locking == '1')
    if locked then
        return {'conflict', locked .. ': locked'}
    end
    local reads, why = stage(request, 6)
    if not reads then
        return {'constraint', why}
    end
    if once == '1' and staged_a_change() then
        redis.call('SET', 'r:' .. request, '1', 'PX', REMEMBER_MS)
    end
    write_all(journalled == '1')
    return ok(reads)
end

-- --- verbs: intents ------------------------------------------------------------------------------

local function state_of(gid)
    return redis.call('HGET', 'x:' .. gid, 'state')
end

local function take(gid, target, keys, now)
    local operations = {}
    for i = 8, #ARGV do
        operations[#operations + 1] = ARGV[i]
    end
    for _, key in ipairs(keys) do
        redis.call('SET', 'l:' .. key, gid)
        redis.call('ZREM', 'q:' .. key, gid)
    end
    redis.call('DEL', 'w:' .. gid)
    redis.call('HSET', 'x:' .. gid, 'state', target, 'at', text_of(now), 'journalled', ARGV[6],
        'request', ARGV[7], 'keys', cmsgpack.pack(keys), 'operations', cmsgpack.pack(operations))
    redis.call('SADD', 'x', gid)
end

local function wait(gid, keys, until_us, wait_us)
    for _, key in ipairs(keys) do
        redis.call('ZADD', 'q:' .. key, until_us, gid)
        redis.call('PEXPIRE', 'q:' .. key, text_of(wait_us / 1000 + 1000))
    end
    return {'wait', ''}
end

--[[
prepare gid turn target wait_us journalled request operation...

`turn`: first; again (woken); last (waited long enough); leave (no longer wanted). `target`: the
state to reach: executed (locked and checked) or prepared.
]]
function verbs.prepare(gid, turn, target, wait_us)
    local state = state_of(gid)
    local keys = keys_from(8)
    local now = now_us()
    local came = text_of(now + tonumber(wait_us))
    if state == 'aborted' then
        return {'barred', 'rolled back before it was prepared'}
    elseif state and turn == 'first' then -- another's: it must not be taken for this one
        return {'conflict', 'the gid is in use'}
    elseif state then
        return state == target and ok() or {'fatal', 'prepare of an intent that is ' .. state}
    end
    if turn ~= 'first' then -- without a place in the queue its time is over
        came = redis.call('ZSCORE', 'q:' .. keys[1], gid)
    end
    local blocked = turn == 'leave' and keys[1] or blocked_at(keys, came, now)
    if blocked and turn == 'first' then
        return wait(gid, keys, came, tonumber(wait_us))
    elseif blocked and turn == 'again' and came then
        return {'wait', ''}
    elseif blocked then
        leave_queues(gid, keys)
        return {'conflict', blocked .. ': locked'}
    end
    local reads, why = stage(ARGV[7], 8)
    if not reads then
        leave_queues(gid, keys)
        return {'constraint', why}
    end
    take(gid, target, keys, now)
    return ok(reads)
end

-- promote gid: from executed to prepared
function verbs.promote(gid)
    local state = state_of(gid)
    if state == 'aborted' then
        return {'barred', 'rolled back before it was prepared'}
    elseif state ~= 'executed' and state ~= 'prepared' then
        return {'fatal', 'no such intent is executed'}
    end
    redis.call('HSET', 'x:' .. gid, 'state', 'prepared')
    return ok()
end

-- Stage what the intent writes. Returns how many operations that is, or nil and why not.
local function stage_intent(gid)
    local intent = redis.call('HMGET', 'x:' .. gid, 'request', 'operations')
    local operations = cmsgpack.unpack(intent[2])
    local writes = 0
    for i = 1, #operations, 3 do
        if operations[i + 1]:sub(1, 1) ~= 'r' then
            local why = change(operations[i], intent[1], operations[i + 1], operations[i + 2])
            if why then
                return nil, why
            end
            writes = writes + 1
        end
    end
    return writes
end

local function decide(gid, state)
    unlock(gid)
    redis.call('DEL', 'x:' .. gid)
    redis.call('HSET', 'x:' .. gid, 'state', state)
end

-- commit gid. A branch that only reads is never prepared, but may be found after a crash.
function verbs.commit(gid)
    local state = state_of(gid)
    if state == 'committed' then
        return ok()
    elseif not state then
        return {'nota', 'no such intent'}
    elseif state == 'aborted' then
        return {'heuristic', 'it has been rolled back'}
    end
    local writes, why = stage_intent(gid)
    if not writes then -- the locks were to prevent it
        return {'fatal', why}
    elseif writes > 0 and state ~= 'prepared' then
        return {'fatal', 'commit of an intent that never voted'}
    end
    write_all(redis.call('HGET', 'x:' .. gid, 'journalled') == '1')
    decide(gid, 'committed')
    return ok()
end

-- rollback gid operation...: the operations, where the caller knows them, tell where it may wait.
-- What is unknown is barred: its prepare may still be on the way.
function verbs.rollback(gid)
    local state = state_of(gid)
    if state == 'committed' then
        return {'heuristic', 'it has been committed'}
    elseif state == 'prepared' or state == 'executed' then
        decide(gid, 'aborted')
    else
        leave_queues(gid, keys_from(3))
        redis.call('HSET', 'x:' .. gid, 'state', 'aborted')
    end
    return ok()
end

-- prove gid -> its state, or none
function verbs.prove(gid)
    return ok({state_of(gid)})
end

-- forget gid. One that was rolled back stays barred for a while.
function verbs.forget(gid)
    local state = state_of(gid)
    if state == 'prepared' or state == 'executed' then
        return {'fatal', 'forget of an intent that is ' .. state}
    elseif state == 'aborted' then
        redis.call('PEXPIRE', 'x:' .. gid, TOMBSTONE_MS)
    elseif state == 'committed' then
        redis.call('DEL', 'x:' .. gid)
    end
    return ok()
end

-- release gid operation...: the end of a branch that only read.
function verbs.release(gid)
    local reply = verbs.rollback(gid)
    return reply[1] == 'ok' and verbs.forget(gid) or reply
end

-- list prefix -> waiters, and gid, age_us of each
function verbs.list(prefix)
    local now = now_us()
    local found, waiting, waiters = {}, {}, 0
    for _, gid in ipairs(redis.call('SMEMBERS', 'x')) do
        if gid:sub(1, #prefix) == prefix then
            local intent = redis.call('HMGET', 'x:' .. gid, 'at', 'keys')
            found[#found + 1] = gid
            found[#found + 1] = text_of(now - tonumber(intent[1]))
            for _, key in ipairs(cmsgpack.unpack(intent[2])) do
                for _, waiter in ipairs(
                    redis.call('ZRANGEBYSCORE', 'q:' .. key, '(' .. text_of(now), '+inf')) do
                    waiters = waiters + (waiting[waiter] and 0 or 1)
                    waiting[waiter] = true
                end
            end
        end
    end
    table.insert(found, 1, text_of(waiters))
    return ok(found)
end

-- --- verbs: the operator ---------------------------------------------------------------------

local function by_age(a, b)
    return a.age > b.age
end

local function put(found, what, text, number)
    found[#found + 1] = what
    found[#found + 1] = text
    found[#found + 1] = text_of(number)
end

local function put_intent(found, intent, now)
    local seen = {}
    put(found, 'prepared', intent.gid, intent.age)
    for _, key in ipairs(intent.keys) do
        put(found, 'key', key, 0)
        for _, waiter in ipairs(redis.call('ZRANGEBYSCORE', 'q:' .. key, '(' .. text_of(now), '+inf')) do
            if not seen[waiter] then
                put(found, 'waiter', waiter, 0)
            end
            seen[waiter] = true
        end
    end
end

-- view prefix -> triples: state gid age_us of each, followed by its keys and who waits for them
function verbs.view(prefix)
    local now = now_us()
    local found, intents = {}, {}
    for _, gid in ipairs(redis.call('SMEMBERS', 'x')) do
        if gid:sub(1, #prefix) == prefix then
            local intent = redis.call('HMGET', 'x:' .. gid, 'at', 'keys')
            intents[#intents + 1] =
                {gid = gid, age = now - tonumber(intent[1]), keys = cmsgpack.unpack(intent[2])}
        end
    end
    table.sort(intents, by_age)
    for _, intent in ipairs(intents) do
        put_intent(found, intent, now)
    end
    local hand = redis.call('HGETALL', 'hand')
    for i = 1, #hand, 2 do
        if hand[i]:sub(1, #prefix) == prefix then
            local state, at = hand[i + 1]:match('^(%a+) (%d+)$')
            put(found, state, hand[i], now - tonumber(at))
        end
    end
    return ok(found)
end

-- settle gid commit|rollback, by hand: remembered, so that it can be compared with the decision
function verbs.settle(gid, how)
    local state = state_of(gid)
    if state ~= 'prepared' and state ~= 'executed' then
        return {'nota', 'no such intent is in doubt'}
    end
    local reply = verbs[how](gid)
    if reply[1] == 'ok' then
        redis.call('HSET', 'hand', gid, state_of(gid) .. ' ' .. text_of(now_us()))
    end
    return reply
end

function verbs.forget_settled(gid)
    redis.call('HDEL', 'hand', gid)
    return ok()
end

-- --- verbs: epochs, sinks, scan ------------------------------------------------------------------

function verbs.fence(owner, epoch)
    local seen = redis.call('HGET', 'epoch', owner)
    if seen and tonumber(seen) >= tonumber(epoch) then
        return {'fenced', 'the store has seen a higher or equal epoch'}
    end
    redis.call('HSET', 'epoch', owner, epoch)
    return ok()
end

-- mark owner fence epoch incarnation sequence -> its epoch, and the three as they were before
function verbs.mark(owner, fence, epoch, incarnation)
    local seen = redis.call('HGET', 'epoch', owner) or '0'
    local before = redis.call('HGET', 'mark', owner) or '0 0 0'
    local e, i, s = before:match('^(%d+) (%d+) (%d+)$')
    if seen == fence then
        redis.call('HSET', 'mark', owner, epoch .. ' ' .. incarnation .. ' ' .. ARGV[6])
    end
    return ok({seen, e, i, s})
end

local function append_positions(found, topic, n_partitions)
    for p = 0, tonumber(n_partitions) - 1 do
        found[#found + 1] = redis.call('HGET', 's:' .. topic, 'p' .. p) or '0'
    end
    return ok(found)
end

-- position topic n_partitions -> each partition's position
function verbs.position(topic, n_partitions)
    return append_positions({}, topic, n_partitions)
end

-- sink_open topic n_partitions owner mode -> epoch, and each partition's position
function verbs.sink_open(topic, n_partitions, owner, mode)
    local sink = 's:' .. topic
    if mode == 'resume' and redis.call('HGET', sink, 'owner') ~= owner then
        return {'fenced', 'another sink has taken over'}
    end
    redis.call('HSET', sink, 'owner', owner)
    return append_positions({text_of(redis.call('HINCRBY', sink, 'epoch', 1))}, topic, n_partitions)
end

-- sink_apply topic epoch journalled n_moved (partition from to)... (key operation bound request)...
function verbs.sink_apply(topic, epoch, journalled, n_moved)
    local sink = 's:' .. topic
    local first = 6 + 3 * tonumber(n_moved)
    if redis.call('HGET', sink, 'epoch') ~= epoch then
        return {'fenced', 'another epoch'}
    end
    for i = 6, first - 1, 3 do
        if (redis.call('HGET', sink, 'p' .. ARGV[i]) or '0') ~= ARGV[i + 1] then
            return {'fenced', 'another position'}
        end
    end
    local locked = locked_by_an_intent(first, 4)
    if locked then
        return {'conflict', locked .. ': locked'}
    end
    for i = first, #ARGV, 4 do
        local why = change(ARGV[i], ARGV[i + 3], ARGV[i + 1], ARGV[i + 2])
        if why then
            return {'constraint', why}
        end
    end
    write_all(journalled == '1')
    for i = 6, first - 1, 3 do
        redis.call('HSET', sink, 'p' .. ARGV[i], ARGV[i + 2])
    end
    return ok()
end

-- scan cursor -> the next cursor, and of each key: key, val, n, its journal
function verbs.scan(cursor)
    local page = redis.call('SCAN', cursor, 'MATCH', 'k:*', 'COUNT', '500')
    local found = {page[1]}
    for _, name in ipairs(page[2]) do
        local s = redis.call('HMGET', name, 'val', 'n')
        found[#found + 1] = {name:sub(3), s[1], s[2], redis.call('LRANGE', 'j:' .. name:sub(3), 0, -1)}
    end
    return ok(found)
end

return verbs[ARGV[1]](ARGV[2], ARGV[3], ARGV[4], ARGV[5])
