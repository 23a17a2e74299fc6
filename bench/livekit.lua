-- What wrk sends to /get_token. Arguments: the server name and the user.
-- Each request is for a room of its own, so that each needs both calls.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "summary.lua")

function init(arguments)
  local server, user = arguments[1], arguments[2]
  math.randomseed(os.time())
  request = function()
    local body = string.format(
      '{"room_id": "!r%d:bench", "slot_id": "m.call#ROOM", "openid_token": {"access_token": "bench", ' ..
      '"token_type": "Bearer", "matrix_server_name": "%s", "expires_in": 3600}, "member": {"id": "xyz", ' ..
      '"claimed_user_id": "%s", "claimed_device_id": "DEV"}}', math.random(1000000000), server, user)
    return wrk.format("POST", wrk.path, { ["Content-Type"] = "application/json", ["Host"] = wrk.host }, body)
  end
end
