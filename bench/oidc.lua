-- What wrk sends to /oidc/token. Arguments: the number of the first code or refresh token, and a pause that is not used.
-- The query of the URL says which: code-rs256, refresh-rs256, code-es256. Each is sent once.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "summary.lua")

function init(arguments)
  local number = tonumber(arguments[1])
  local path, kind, client = wrk.path:match("^([^?]+)%??(%a*)%-?(%w*)$")
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded", ["Host"] = wrk.host }
  request = function()
    local body = "client_id=" .. client .. "&client_secret=k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"
    if kind == "refresh" then
      body = body .. string.format("&grant_type=refresh_token&refresh_token=refresh-%s-%d", client, number)
    else
      body = body .. string.format("&grant_type=authorization_code&code=code-%s-%d", client, number)
        .. "&redirect_uri=https%3A%2F%2Fwiki.example.com%2Fcallback"
        .. "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    end
    number = number + 1
    return wrk.format("POST", path, headers, body)
  end
end
