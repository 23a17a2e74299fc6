-- What wrk sends to /verify/user_in_room. Argument: the port of the homeserver.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "summary.lua")

function init(arguments)
  local body = string.format(
    '{"matrix_server_name": "localhost:%s", "room_id": "!one:bench", "token": "bench"}', arguments[1])
  local headers = { ["Content-Type"] = "application/json", ["Host"] = wrk.host }
  request = function()
    return wrk.format("POST", wrk.path, headers, body)
  end
end
