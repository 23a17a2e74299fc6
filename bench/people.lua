-- What wrk sends to /livekit/token. Arguments: how many sessions the store has, and a pause that is not used.
-- Each request is of a random session and for a room of its own.
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

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "failed": %d, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(99) / 1e3))
end
