-- What wrk sends to /verify/user_in_room. Argument: the port of the homeserver.
function init(arguments)
  local body = string.format(
    '{"matrix_server_name": "localhost:%s", "room_id": "!one:bench", "token": "bench"}', arguments[1])
  local headers = { ["Content-Type"] = "application/json", ["Host"] = wrk.host }
  request = function()
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
