-- What wrk sends to /livekit/token. Arguments: how many sessions the store has, and a pause that is not used.
-- Each request is of a random session and for a room of its own.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "summary.lua")

function init(arguments)
  local sessions = tonumber(arguments[1])
  math.randomseed(os.time())
  request = function()
    local headers = {
      ["Content-Type"] = "application/json", ["Host"] = wrk.host, ["Origin"] = "http://" .. wrk.host .. ":" .. wrk.port,
      ["Cookie"] = string.format("issuer_session=bench-%037d", math.random(0, sessions - 1)),
    }
    local body = string.format('{"roomId": "b%d", "sceneId": "scene", "eventId": "event"}', math.random(1000000))
    return wrk.format("POST", wrk.path, headers, body)
  end
end
