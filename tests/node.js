// Reads one JSON request per line, answers one JSON line each: how a browser and Jitsi's client read things.
'use strict';

// Jitsi's own code, bundled by `make test` (tests/modules/jitsi/client).
const jitsi = () => require('../var/jitsi-client/address.js');

// A browser's view of an address (WHATWG URL).
function urlParse(text, base) {
    try {
        const url = new URL(text, base);
        const { href, protocol, username, password, hostname, port, pathname, search, hash } = url;
        return { href, protocol, username, password, hostname, port, pathname, search, hash };
    } catch {
        return null;
    }
}

const CALLS = {
    url_parse: text => urlParse(text),
    url_resolve: ([text, base]) => urlParse(text, base),
    jitsi_room_of_path: path => jitsi().room_of_path(path),
    jitsi_rooms_of_paths: paths => paths.map(jitsi().room_of_path),
    jitsi_fragment: hash => jitsi().fragment(hash),
    jitsi_read: href => jitsi().read(href),
    jitsi_sign_in: asked => jitsi().sign_in(asked),
    jitsi_asks_again: asked => jitsi().asks_again(asked),
    jitsi_safe_room: text => jitsi().safe_room(text),
    jitsi_faults: token => jitsi().validate(token),
};

require('readline').createInterface({ input: process.stdin }).on('line', async line => {
    const [name, argument] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await CALLS[name](argument) ?? null)}\n`);
});
