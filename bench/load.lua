-- What wrk sends. Arguments: how many sessions the store has (0: send none), and milliseconds of pause.
-- Each request is of a random session and a room of its own.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "summary.lua")

function init(arguments)
  sessions, pause = tonumber(arguments[1]), tonumber(arguments[2])
  math.randomseed(os.time())
  if pause > 0 then
    delay = function() return math.random(0, 2 * pause) end
  end
  if sessions > 0 then
    request = function()
      local cookie = string.format("issuer_session=bench-%037d", math.random(0, sessions - 1))
      local path = string.format("%s?room=b%d", wrk.path, math.random(1000000))
      return wrk.format("GET", path, { ["Cookie"] = cookie, ["Host"] = wrk.host })
    end
  end
end
