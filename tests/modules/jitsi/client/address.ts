// Addresses as Jitsi's client makes and reads them. Nothing is decided here: every function is the client's.
import { getTokenAuthUrl } from 'jitsi:authentication/functions.web.ts';
import { maybeRedirectToTokenAuthUrl } from 'jitsi:app/actions.any.ts';
import { parseJWTFromURLParams, validateJwt } from 'jitsi:base/jwt/functions.ts';
import { parseURLParams } from 'jitsi:base/util/parseURLParams.ts';
import { getBackendSafeRoomName, parseURIString, safeDecodeURIComponent } from 'jitsi:base/util/uri.ts';

const kept = new Map();

globalThis.window = { crypto: globalThis.crypto, sessionStorage: { setItem: (k, v) => kept.set(k, v) } };

const OVERRIDE = /^(config|interfaceConfig|iceServers)\./;

// What the client makes of an address: where it is, and with what.
export function read(href) {
    const { room, tenant } = parseURIString(href);
    const url = new URL(href);
    const settings = Object.entries(parseURLParams(url)).filter(([ name ]) => OVERRIDE.test(name));

    return { room, safe: getBackendSafeRoomName(room), tenant: tenant ?? '', jwt: parseJWTFromURLParams(url) ?? null,
        settings: Object.fromEntries(settings) };
}

// Where the client goes for a token, from the address bar that it is at.
export function sign_in({ tokenAuthUrl, href, options = {}, refreshToken, app }) {
    const { room, tenant } = parseURIString(href);

    globalThis.isElectron = app === 'electron';

    return getTokenAuthUrl({ tokenAuthUrl }, new URL(href), options, room, tenant, refreshToken);
}

// Whether the client, loading an address again, asks for a new token first.
export function asks_again({ tokenAuthUrl, href }) {
    const url = new URL(href);
    const state = {
        'features/base/config': { tokenAuthUrl },
        'features/base/connection': { locationURL: url },
        'features/base/conference': { room: parseURIString(href).room },
        'features/base/jwt': { jwt: parseJWTFromURLParams(url) },
        'features/low-bandwidth-mode': {}, 'features/base/low-bandwidth-mode': {}
    };

    return maybeRedirectToTokenAuthUrl(() => undefined, () => state, () => undefined);
}

export function room_of_path(path) {
    return getBackendSafeRoomName(parseURIString(`https://meet.example.com${path}`).room);
}

export function fragment(hash) {
    return parseURLParams(new URL(`https://meet.example.com/room${hash}`));
}

export const safe_room = getBackendSafeRoomName;
export const decoded = safeDecodeURIComponent;
export const validate = validateJwt;
