// The client's own functions for a page in a browser: `jitsi.…`.
export { getTokenAuthUrl } from 'jitsi:authentication/functions.web.ts';
export { loginWithPopup, openTokenAuthUrl } from 'jitsi:authentication/actions.web.ts';
export { maybeRedirectToTokenAuthUrl } from 'jitsi:app/actions.any.ts';
export { openLogoutDialog } from 'jitsi:settings/actions.web.ts';
export { parseJWTFromURLParams } from 'jitsi:base/jwt/functions.ts';
export { parseURIString } from 'jitsi:base/util/uri.ts';
