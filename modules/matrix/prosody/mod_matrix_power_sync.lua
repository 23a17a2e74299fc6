-- Makes owners of a conference of those who moderate its Matrix room, and of nobody else.
--
-- Belongs into the component of the conferences, beside mod_auth_matrix_user_verification with
-- uvs_sync_power_levels in the virtual host, which finds out who moderates.
--
-- For Prosody 0.12 and later.

local usermanager = require "core.usermanager";
local jid_bare = require "util.jid".bare;
local jid_node = require "util.jid".node;

local bare_sessions = prosody.bare_sessions;
local pairs = pairs;

local HEALTH_CHECK = "^__jicofo%-health%-check";

-- Prosody 0.12 knows administrators, later versions roles.
local function is_admin(jid)
	if usermanager.is_admin then
		return usermanager.is_admin(jid, module.host);
	end
	local role = usermanager.get_jid_role(jid, module.host);
	return role ~= nil and (role.name == "prosody:admin" or role.name == "prosody:operator");
end

local function is_moderator(session, room)
	local verified = session.matrix_verification;
	return verified ~= nil and verified.is_owner == true and verified.conference == jid_node(room.jid);
end

-- Somebody has one address and may have several sessions.
local function may_own(jid, room)
	if is_admin(jid) then
		return true;
	end
	local account = bare_sessions[jid];
	for _, session in pairs(account and account.sessions or {}) do
		if is_moderator(session, room) then
			return true;
		end
	end
	return false;
end

-- Prosody makes the first one who comes an owner, Jicofo may make somebody one, and so may owners.
module:hook("muc-pre-set-affiliation", function (event)
	local room = event.room;
	if event.affiliation ~= "owner" or jid_node(room.jid):find(HEALTH_CHECK) or may_own(event.jid, room) then
		return;
	end
	module:log("info", "%s does not become an owner of %s", event.jid, room.jid);
	event.allowed = false;
	event.error = { type = "cancel", condition = "not-allowed" };
end, 1000);

-- Before anybody hears of the new occupant, so that their first presence says what they are.
module:hook("muc-occupant-pre-join", function (event)
	local room, jid = event.room, jid_bare(event.stanza.attr.from);
	local affiliation = room:get_affiliation(jid);
	if affiliation == "outcast" or is_admin(jid) then
		return;
	end
	if is_moderator(event.origin, room) then
		module:log("info", "%s moderates the Matrix room and is an owner of %s", jid, room.jid);
		if affiliation ~= "owner" then
			room:set_affiliation(true, jid, "owner");
			event.occupant.role = room:get_default_role("owner");
		end
	elseif affiliation == "owner" and not may_own(jid, room) then
		room:set_affiliation(true, jid, "none");
		event.occupant.role = room:get_default_role(nil);
	end
end, 100);
