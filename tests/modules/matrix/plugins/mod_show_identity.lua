-- Puts what the session says of the person into their presence, as a plugin of Jitsi's does.
local st = require "util.stanza";
local json = require "util.json";

module:hook("pre-presence/full", function (event)
	local user = event.origin.jitsi_meet_context_user;
	if user and event.stanza.attr.type == nil then
		event.stanza:tag("identity", { xmlns = "urn:tests:identity" }):text(json.encode(user)):up();
	end
end);

-- Gives a session the resumption token that it asks for, as mod_smacks does at random.
module:hook("iq-get/host/urn:tests:resumption:query", function (event)
	event.origin.resumption_token = event.stanza.tags[1]:get_text();
	event.origin.send(st.reply(event.stanza));
	return true;
end);
