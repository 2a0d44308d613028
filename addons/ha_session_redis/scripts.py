"""What happens to sessions inside Redis, each as one atomic step.

Three kinds of keys, in one hash slot because of the braces:

- ``<prefix>:session:{<identifier>}:<rest>`` — the JSON document of one live sid, with its lifetime;
- the same with ``:rotated`` behind it — the document of a sid that was rotated, for its last two
  minutes. So a live sid's document exists only while the sid may be saved, and one conditional SET
  saves it (``RedisDocuments.save``): these scripts must never leave a document of any other sid;
- ``<prefix>:sessions:{<identifier>}`` — the index of an identifier (the first 42 characters of a
  sid, which a user's device is known by): a hash from the rest of each sid to its state. It
  outlives the documents by ``KEEP``, so that a request that began before a logout can't bring
  the session back when it saves at its end.

States: ``live``; ``rotated <rest of the next sid>``; ``ended <unix time>``. The field ``*`` ends
the whole identifier. At most one sid of an identifier is live.
"""

import hashlib
from typing import NamedTuple

#: Seconds for which the end of a session is remembered: longer than any request may run.
KEEP = 86400
#: Seconds that an index gets beyond what its documents need, so that not each save is to extend it.
SPARE = 3600


class Script(NamedTuple):
    """``digest``: the name under which Redis knows a script that it has run before."""

    name: str
    text: str
    digest: str


def _script(name: str, text: str) -> Script:
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_COMMON = (
    f"local keep, spare = {KEEP}, {SPARE}"
    + """
local session, index, rest = KEYS[1], KEYS[2], ARGV[1]
local function document(other)
    return string.sub(session, 1, -1 - #rest) .. other
end
local function rotated(other)
    return document(other) .. ':rotated'
end
local function now()
    return tonumber(redis.call('TIME')[1])
end
local function outlive(milliseconds)
    local least = math.max(milliseconds, keep * 1000)
    if redis.call('PTTL', index) < least then
        redis.call('PEXPIRE', index, least + spare * 1000)
    end
end
local function forget_all()
    for _, other in ipairs(redis.call('HKEYS', index)) do
        redis.call('DEL', document(other), rotated(other))
    end
    redis.call('DEL', index)
end
local function end_all()
    -- A session may come from elsewhere again for as long as its index was to live.
    local known_for = redis.call('PTTL', index)
    forget_all()
    redis.call('HSET', index, '*', 'ended ' .. now())
    outlive(known_for)
end
local known = false
local function verdict(origin)
    local states = redis.call('HMGET', index, rest, '*')
    local state = states[2] or states[1]
    if not state then
        if redis.call('EXISTS', index) == 1 then
            return {'foreign', '', 0}
        end
        if origin == 'stored' then
            return {'unknown', '', 0}
        end
        return nil
    end
    local word, argument = string.match(state, '^(%a+) ?(.*)$')
    if word == 'ended' then
        return {'ended', '', now() - tonumber(argument)}
    end
    if word == 'rotated' then
        return {'rotated', argument, redis.call('PTTL', rotated(rest))}
    end
    known = true
    return nil
end
"""
)

#: KEYS document, index; ARGV rest, JSON, lifetime in ms, "sole" to drop the other documents,
#: "stored" when the session was read from a store. Returns 1, or what forbids it:
#: {"ended", "", seconds since}, {"rotated", rest of the next sid, ms left}, {"foreign"} (the
#: identifier is known, this sid isn't) or {"unknown"} (it was stored, and Redis knows nothing of it).
SAVE = _script(
    "save",
    _COMMON
    + """
local refused = verdict(ARGV[5])
if refused then
    return refused
end
if ARGV[4] == 'sole' then
    for _, other in ipairs(redis.call('HKEYS', index)) do
        if other ~= rest then
            redis.call('DEL', document(other), rotated(other))
        end
    end
end
redis.call('SET', session, ARGV[2], 'PX', ARGV[3])
if not known then
    redis.call('HSET', index, rest, 'live')
end
outlive(tonumber(ARGV[3]))
return 1
""",
)

#: KEYS document, index; ARGV rest, JSON of the old sid, its lifetime in ms, rest of the next sid,
#: JSON of the next sid, its lifetime in ms, "stored" as for SAVE. Returns as SAVE does.
ROTATE = _script(
    "rotate",
    _COMMON
    + """
local refused = verdict(ARGV[7])
if refused then
    return refused
end
redis.call('DEL', session)
redis.call('SET', rotated(rest), ARGV[2], 'PX', ARGV[3])
redis.call('SET', document(ARGV[4]), ARGV[5], 'PX', ARGV[6])
local states = redis.call('HGETALL', index)
for i = 1, #states, 2 do
    -- Sids of earlier rotations: their requests are long over.
    if string.sub(states[i + 1], 1, 4) ~= 'live' and redis.call('EXISTS', rotated(states[i])) == 0 then
        redis.call('HDEL', index, states[i])
    end
end
redis.call('HSET', index, rest, 'rotated ' .. ARGV[4], ARGV[4], 'live')
outlive(tonumber(ARGV[6]))
return 1
""",
)

#: KEYS document, index; ARGV rest. Ends the sid and with it the whole identifier: whoever logs
#: out on the old sid of a rotation means the new one too. Only a sid that is live, or was until
#: its rotation a moment ago, has that power: neither an invented one nor an expired one. Returns 1
#: when the identifier ended, 2 when Redis knows nothing of the sid, else 0.
END = _script(
    "end",
    _COMMON
    + """
local state = redis.call('HGET', index, rest) or ''
local was_rotated = string.sub(state, 1, 7) == 'rotated'
if state == 'live' or (was_rotated and redis.call('PTTL', rotated(rest)) > 10000) then
    end_all()
    return 1
end
redis.call('DEL', session, rotated(rest))
if not was_rotated then
    redis.call('HSET', index, rest, 'ended ' .. now())
    outlive(0)
end
return state == '' and 2 or 0
""",
)

#: KEYS document with an empty rest, index; ARGV "". Ends every session of the identifier.
REVOKE = _script("revoke", _COMMON + "end_all() return 1")

#: KEYS document, index; ARGV rest, JSON, lifetime in ms, rest of the next sid or "", "vouched" when
#: another store knows that this sid is the identifier's. Takes over what Redis does not have; never
#: what has ended or was rotated here. Returns 1 when Redis has the session now.
ADOPT = _script(
    "adopt",
    _COMMON
    + """
local states = redis.call('HMGET', index, rest, '*')
if states[2] or (states[1] and states[1] ~= 'live') then
    return 0
end
if not states[1] and ARGV[5] ~= 'vouched' and redis.call('EXISTS', index) == 1 then
    return 0
end
local key = ARGV[4] == '' and session or rotated(rest)
redis.call('SET', key, ARGV[2], 'PX', ARGV[3], 'NX')
redis.call('HSET', index, rest, ARGV[4] == '' and 'live' or 'rotated ' .. ARGV[4])
outlive(tonumber(ARGV[3]))
return 1
""",
)

#: KEYS document, index; ARGV rest, lifetime in ms. Gives a document that is there its full life.
CONFIRM = _script(
    "confirm",
    _COMMON
    + """
if redis.call('PEXPIRE', session, ARGV[2]) == 0 then
    return 0
end
outlive(tonumber(ARGV[2]))
return 1
""",
)

#: KEYS document with an empty rest, index; ARGV "". Forgets an identifier that another store knows
#: better, but for what has ended: that stays so.
FORGET = _script(
    "forget",
    _COMMON
    + """
if redis.call('HEXISTS', index, '*') == 0 then
    local states = redis.call('HGETALL', index)
    for i = 1, #states, 2 do
        redis.call('DEL', document(states[i]), rotated(states[i]))
        if string.sub(states[i + 1], 1, 5) ~= 'ended' then
            redis.call('HDEL', index, states[i])
        end
    end
end
return 1
""",
)

#: KEYS document with an empty rest, index; ARGV "". 1 when a session of the identifier lives.
ALIVE = _script(
    "alive",
    _COMMON
    + """
for _, other in ipairs(redis.call('HKEYS', index)) do
    if redis.call('EXISTS', document(other), rotated(other)) > 0 then
        return 1
    end
end
return 0
""",
)
