-- Lets members of a Matrix room into the room's conference, and into no other.
--
-- Jitsi's client comes with the name of a conference and a JWT in the query of its connection. The JWT holds a
-- Matrix OpenID token and the id of a room; nothing vouches for it, so its signature and its times mean nothing.
-- The verification API says whose token it is, and whether that user is in the room.
--
-- Options of the virtual host:
--   authentication = "matrix_user_verification"
--   uvs_base_url             address of the verification API, as in "https://auth.example.com/matrix"
--   uvs_auth_token           its API token
--   uvs_sync_power_levels    find out who moderates the room; mod_matrix_power_sync makes them owners
--   uvs_timeout              seconds to wait for the API (15)
--   breakout_rooms_muc       Jitsi's option: the component of breakout rooms, whose names nobody can verify
-- Option of the components of conferences, or of all at the top:
--   uvs_trusted_hosts        hosts whose accounts enter conferences of Matrix rooms unverified, as recorders do
--
-- For Prosody 0.12 and later.

local async = require "util.async";
local base64 = require "util.encodings".base64;
local is_utf8 = require "util.encodings".utf8.valid;
local datamanager = require "util.datamanager";
local formdecode = require "util.http".formdecode;
local http = require "net.http";
local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local jid_node = require "util.jid".node;
local json = require "util.json";
local new_uuid = require "util.uuid".generate;
local st = require "util.stanza";
local usermanager = require "core.usermanager";

local hosts, full_sessions = prosody.hosts, prosody.full_sessions;
local type, pcall, tostring, setmetatable, next, pairs = type, pcall, tostring, setmetatable, next, pairs;

local base_url = module:get_option_string("uvs_base_url");
local api_token = module:get_option_string("uvs_auth_token");
local sync_power_levels = module:get_option_boolean("uvs_sync_power_levels", false);
local timeout = module:get_option_number("uvs_timeout", 15);
local breakout_rooms = module:get_option_string("breakout_rooms_muc");

local MECHANISM = "ANONYMOUS";
local LONGEST_ROOM_ID = 255;
local STATE_DEFAULT = 50; -- where the room says nothing
local LONGEST_TEXT = 1024;

if not base_url then
	module:log("error", "uvs_base_url is not set: nobody can come in");
end

-- RFC 4648 §6, without padding and in lower case, as Jitsi names a conference after a room.
local ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

local function base32(text)
	local digits, buffer, bits = {}, 0, 0;
	local function take(value)
		digits[#digits + 1] = ALPHABET:sub(value + 1, value + 1);
	end
	for i = 1, #text do
		buffer, bits = buffer * 256 + text:byte(i), bits + 8;
		while bits >= 5 do
			bits = bits - 5;
			local value = math.floor(buffer / 2 ^ bits);
			buffer = buffer - value * 2 ^ bits;
			take(value);
		end
	end
	if bits > 0 then
		take(buffer * 2 ^ (5 - bits));
	end
	return table.concat(digits);
end

local function object(value)
	return type(value) == "table" and value ~= json.null and value or {};
end

local function text_of(value)
	return type(value) == "string" and value ~= "" and value or nil;
end

-- What other plugins put into presence: a text that XML can carry (XML 1.0 §2.2).
local function shown(value)
	value = text_of(value);
	local is_plain = value and #value <= LONGEST_TEXT and is_utf8(value)
		and not value:find("[%z\1-\8\11\12\14-\31]") and not value:find("\239\191[\190\191]"); -- U+FFFE, U+FFFF
	return is_plain and value or nil;
end

-- RFC 7519 §3.1 and RFC 7515 §2: the claims of a JWT, of which nothing is verified.
local function claims_of(token)
	local payload = token:match("^[%w_-]+%.([%w_-]+)%.[%w_-]*$");
	if not payload then
		return nil;
	end
	payload = payload:gsub("%-", "+"):gsub("_", "/") .. ("="):rep(-#payload % 4);
	local decoded = base64.decode(payload);
	local claims = decoded and json.decode(decoded);
	return type(claims) == "table" and claims ~= json.null and claims or nil;
end

-- What the client asks for: a table, or nil and the reason.
local function read_wish(asked)
	if not text_of(asked.token) then
		return nil, "invalid_auth_token";
	end
	local claims = claims_of(asked.token);
	if not claims then
		return nil, "auth_token_decode_issue";
	end
	local context = object(claims.context);
	local matrix = object(context.matrix);
	local room_id = text_of(matrix.room_id);
	if not room_id or #room_id > LONGEST_ROOM_ID then
		return nil, "missing_matrix_room_id";
	end
	local conference = base32(room_id);
	if not text_of(asked.room) or asked.room:lower() ~= conference then
		return nil, "jitsi_and_matrix_room_mismatch";
	end
	if not text_of(matrix.token) then
		return nil, "invalid_auth_token";
	end
	local user = object(context.user);
	return {
		conference = conference;
		room_id = room_id;
		name = shown(user.name);
		avatar = shown(user.avatar);
		request = { token = matrix.token, room_id = room_id, matrix_server_name = text_of(matrix.server_name) };
	};
end

-- Ask the API; in a coroutine, which waits. Returns what it says of the user, or nil and the reason.
local function ask(wish)
	local wait, done = async.waiter();
	local body, code;
	local is_over = false;
	local timer;
	local function finish(answered, status)
		if is_over then
			return;
		end
		is_over = true;
		body, code = answered, status;
		timer:stop();
		done();
	end
	timer = module:add_timer(timeout, function () finish("no answer in time", 0); end);
	local headers = { ["Content-Type"] = "application/json" };
	if api_token then
		headers["Authorization"] = "Bearer " .. api_token;
	end
	local ok, err = pcall(http.request, base_url:gsub("/+$", "") .. "/verify/user_in_room", {
		method = "POST";
		headers = headers;
		body = json.encode(wish.request);
	}, finish);
	if not ok then
		finish(tostring(err), 0);
	end
	wait();
	if code ~= 200 then
		return nil, "invalid_response", code == 0 and tostring(body) or ("status " .. tostring(code));
	end
	return body;
end

-- What an answer means: a table, or nil and the reason.
local function judge(body)
	local answer = object(json.decode(body));
	local results = object(answer.results);
	if results.user == false then
		return nil, "invalid_token";
	elseif results.user ~= true or type(results.room_membership) ~= "boolean" then
		return nil, "invalid_response";
	elseif not results.room_membership then
		return nil, "not_in_room";
	end
	local levels = object(answer.power_levels);
	local level, least = levels.user, object(levels.room).state_default;
	if type(least) ~= "number" then
		least = STATE_DEFAULT;
	end
	local is_moderator = type(level) == "number" and level >= least;
	return { user_id = text_of(answer.user_id), is_owner = sync_power_levels and is_moderator };
end

-- The name of the session that somebody comes back to (Jitsi's client knows its resumption token).
local function resumed_username(previous, user_id)
	if not previous or not user_id then
		return nil;
	end
	for _, session in pairs(full_sessions) do
		local found = session.matrix_verification;
		if session.resumption_token == previous and found and found.user_id == user_id and session.host == module.host then
			return session.username;
		end
	end
end

-- Write down what was found out, on this session and nowhere else. Returns the user name.
local function admit(session, wish, found)
	session.matrix_verification = { conference = wish.conference, user_id = found.user_id, is_owner = found.is_owner };
	session.auth_matrix_user_verification_is_owner = found.is_owner;
	-- Of the claims, only what is for show; whoever has a Matrix account could write anything else there.
	session.jitsi_meet_context_user = { id = found.user_id, name = wish.name, avatar = wish.avatar };
	-- Jitsi's client takes the first eight characters as its name in the conference, and Jitsi's
	-- mod_muc_resource_validate takes letters, digits and "_" alone there: those of a UUID are hexadecimal.
	return resumed_username(session.matrix_wish.previous, found.user_id) or new_uuid();
end

-- Each step is called so that an error in it is a refusal with a reason: nobody is left without an answer.
local function step(session, otherwise, f, ...)
	local ok, result, reason, detail = pcall(f, ...);
	if ok then
		return result, reason, detail;
	end
	(session.log or module._log)("error", "error in matrix user verification: %s", result);
	return nil, otherwise, "an error in this module";
end

local function verify(session)
	local wish, reason, detail = step(session, "auth_token_decode_issue", read_wish, session.matrix_wish or {});
	local body, found, username;
	if wish then
		if not base_url or not async.ready() then
			return nil, "invalid_response", base_url and "not in a coroutine" or "uvs_base_url is not set";
		end
		body, reason, detail = ask(wish);
	end
	if body then
		found, reason = step(session, "invalid_response", judge, body);
	end
	if found then
		username, reason, detail = step(session, "invalid_response", admit, session, wish, found);
	end
	return username, reason, detail, found and found.user_id;
end

local handler = {};
handler.__index = handler;

local function new_handler(session)
	return setmetatable({ session = session }, handler);
end

function handler:mechanisms() -- luacheck: ignore 212/self
	return { [MECHANISM] = true };
end

function handler:select(mechanism)
	if not self.selected and mechanism == MECHANISM then
		self.selected = mechanism;
		return true;
	end
end

function handler:clean_clone()
	return new_handler(self.session);
end

function handler:process()
	local session = self.session;
	session.matrix_verification, session.auth_matrix_user_verification_is_owner = nil, nil;
	local username, reason, detail, user_id = verify(session);
	local log = session.log or module._log;
	if not username then
		log("warn", "matrix user verification: %s%s", reason, detail and (" (" .. detail .. ")") or "");
		if reason == "invalid_response" then
			return "failure", "temporary-auth-failure", "Matrix users cannot be verified now";
		end
		return "failure", "not-authorized", "Matrix user not verified for this conference";
	end
	log("info", "matrix user verification: ok (%s)", user_id or "nameless");
	self.username = username;
	return "success";
end

local provider = {};

function provider.test_password()
	return nil, "Password based auth not supported.";
end

function provider.get_password()
	return nil, "Password not available.";
end

function provider.set_password()
	return nil, "Password based auth not supported.";
end

function provider.user_exists()
	return nil, "Only verified Matrix users are supported.";
end

function provider.create_user()
	return nil, "Account creation not supported.";
end

function provider.delete_user()
	return nil, "Account deletion not supported.";
end

function provider.users()
	return next, hosts[module.host].sessions, nil;
end

function provider.get_sasl_handler(session)
	return new_handler(session);
end

module:provides("auth", provider);

-- Keep what a connection comes with.
local function session_began(event)
	local session, query = event.session, event.request.url.query;
	local params = query and formdecode(query);
	params = type(params) == "table" and params or {};
	session.matrix_wish = { token = params.token, room = params.room, previous = text_of(params.previd) };
end

module:hook_global("bosh-session", session_began);
module:hook_global("websocket-session", session_began);

-- Prosody 0.12 knows administrators, later versions roles.
local function is_admin(jid, host)
	if usermanager.is_admin then
		return usermanager.is_admin(jid, host);
	end
	local role = usermanager.get_jid_role(jid, host);
	return role ~= nil and (role.name == "prosody:admin" or role.name == "prosody:operator");
end

-- Base32 of what begins with "!", as the ids of Matrix rooms do.
local MATRIX_ROOM = "^e[e-h][a-z2-7]*$";

-- Who came in through this host enters the conference that was verified, and no other. Who came in elsewhere, at
-- another host here or at another server, enters no conference of a Matrix room without being verified.
local function may_enter(origin, from, conference, component)
	local verified = origin.matrix_verification;
	if verified and verified.conference == conference then
		return true;
	elseif origin.type == "c2s" and origin.host == module.host then
		return false;
	end
	return not (conference or ""):find(MATRIX_ROOM) or is_admin(jid_bare(from), component)
		or module:context(component):get_option_set("uvs_trusted_hosts", {}):contains(jid_host(from));
end

local function guard(event)
	local origin, stanza, room = event.origin, event.stanza, event.room;
	if may_enter(origin, stanza.attr.from, jid_node(room.jid), jid_host(room.jid)) then
		return;
	end
	(origin.log or module._log)("warn", "matrix user verification: jitsi_and_matrix_room_mismatch (%s)", room.jid);
	origin.send(st.error_reply(stanza, "cancel", "not-allowed", "Not verified for this conference", room.jid));
	return true;
end

local FIRST = 1000; -- before anything is made or counted
local guarded = {};

local function guard_host(name)
	local host = hosts[name];
	if host and not guarded[name] and name ~= breakout_rooms then
		guarded[name] = true;
		module:hook_object_event(host.events, "muc-room-pre-create", guard, FIRST);
		module:hook_object_event(host.events, "muc-occupant-pre-join", guard, FIRST);
	end
end

-- Accounts that last for one connection have nothing to store and nobody to write to elsewhere.
local function store_nothing(username, host, datastore, data)
	if host == module.host then
		return false;
	end
	return username, host, datastore, data;
end

module:hook("route/remote", function () return false; end, 300);

module:hook_global("host-activated", guard_host);
module:hook_global("host-deactivated", function (name) guarded[name] = nil; end);

function module.load()
	datamanager.add_callback(store_nothing);
	for name in pairs(hosts) do
		guard_host(name);
	end
end

function module.unload()
	datamanager.remove_callback(store_nothing);
end
