// Reads one JSON request per line, answers one JSON line each: how a browser and Jitsi's client read things.
'use strict';

const DROPPED = /[:?#[\]@!$&'()*+,;=></"]/g;

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

// The conference that Jitsi's client enters for a path. It drops characters before it decodes; other clients
// decode first, so they are dropped on both sides here: a name on which that makes a difference fails a test.
function jitsiRoomOfPath(path) {
    let room = path.slice(path.lastIndexOf('/') + 1).replace(DROPPED, '');
    try {
        room = decodeURIComponent(room);
    } catch {
        // The client goes on with what it has.
    }
    room = room.replace(DROPPED, '').normalize('NFKC').toLowerCase();
    return encodeURIComponent(room).toLowerCase();
}

// The parameters that Jitsi's client finds in a fragment. What it cannot parse it leaves out.
function jitsiFragment(hash) {
    const found = {};
    for (const part of hash.slice(1).split('&')) {
        const [key, value] = part.split('=');
        if (!key || key.split('.').some(k => ['__proto__', 'constructor', 'prototype'].includes(k))) {
            continue;
        }
        try {
            const decoded = decodeURIComponent(value).replace(/\\&/, '&')
                .replace(/[\u2018\u2019]/g, '\'')
                .replace(/[\u201C\u201D]/g, '"');
            found[key] = JSON.parse(decoded);
        } catch {
            continue;
        }
    }
    return found;
}

const CALLS = {
    url_parse: text => urlParse(text),
    url_resolve: ([text, base]) => urlParse(text, base),
    jitsi_room_of_path: jitsiRoomOfPath,
    jitsi_rooms_of_paths: paths => paths.map(jitsiRoomOfPath),
    jitsi_fragment: jitsiFragment,
};

require('readline').createInterface({ input: process.stdin }).on('line', line => {
    const [name, argument] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(CALLS[name](argument))}\n`);
});
