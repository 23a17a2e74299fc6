"""Jitsi's web server, with Jitsi's own code in its pages: what signs people in, renews, and signs them out.

What is a room's address shows a page with the functions of the client (`page.js`, bundled from npm's
@jitsi/react-native-sdk by tests/modules/jitsi/client), and buttons that do what its middleware does: "Sign
in" as authentication/middleware.any.ts (`_handleLogin`), "Load again" as a load of the page, "Sign out" as
settings/actions.web.ts. It has its settings from `config.js`, as Jitsi has.

No registry has `static/sso.html` and `static/logout.html`. Ours do what these do (jitsi-meet, static/sso.html
and static/logout.html as of 2026-08):

- `state` is decoded once more, and parsed; with a `refreshToken` in it, the page refreshes and uses no code;
- without, it exchanges `code` with `code_verifier` and `oauth_nonce` of the session storage, and the nonce of
  the ID token must be that one;
- the answer goes to the opener as `oauth-success` with `accessToken`, `idToken`, `refreshToken`, or as
  `oauth-error`, and the window closes; without an opener, the page goes on to
  `/<tenant>/<roomSafe>#config.…&jwt="…"`;
- after a sign-out, the parent is told `logout-success`.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.docs.pages import ROOT
from tests.upstream.authority import Authority

CLIENT = ROOT / "var" / "jitsi-client" / "page.js"
MEETING = """<!doctype html><link rel="icon" href="data:,"><title>Meeting</title>
<script src="/config.js"></script><script src="/page.js"></script><script>
const { room, tenant } = jitsi.parseURIString(location.href);
const state = {
  'features/base/config': config,
  'features/base/conference': { room, conference: {} },
  'features/base/connection': {
    locationURL: new URL(location), connection: { refreshToken: async jwt => show('connected', jwt) } },
  'features/base/jwt': { jwt: jitsi.parseJWTFromURLParams() },
  'features/base/low-bandwidth-mode': {} };
const show = (id, value) => { document.getElementById(id).textContent = value ?? ''; };
const getState = () => state;
function dispatch(action) {
  if (typeof action === 'function') return action(dispatch, getState);
  if (action?.type === 'SET_JWT') { state['features/base/jwt'] = action; shown(); }
}
function shown() {
  show('tokens', JSON.stringify(state['features/base/jwt']));
  show('place', JSON.stringify({ room, tenant, hash: location.hash.replace(/jwt=[^&]*/, '') }));
}
async function signIn() {
  const url = await jitsi.getTokenAuthUrl(config, state['features/base/connection'].locationURL,
    { skipPrejoin: true, audioMuted: true }, room, tenant, state['features/base/jwt'].refreshToken);
  dispatch(jitsi.openTokenAuthUrl(url));
}
function loadAgain() {
  show('asked', jitsi.maybeRedirectToTokenAuthUrl(dispatch, getState, error => show('asked', error)));
}
</script>
<button onclick="signIn()">Sign in</button>
<button onclick="loadAgain()">Load again</button>
<button onclick="dispatch(jitsi.openLogoutDialog())">Sign out</button>
<pre id="tokens"></pre><pre id="place"></pre><pre id="connected"></pre><pre id="asked"></pre>
<script>shown();</script>"""

SSO = """<!doctype html><link rel="icon" href="data:,"><title>SSO</title><pre id="error"></pre>
<script src="/config.js"></script><script>
const query = new URLSearchParams(location.search);
const claims = token => JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
async function token(fields) {
  const answer = await fetch(`https://${config.sso.tokenService}/token`, {
    method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, client_id: config.sso.clientId }) });
  const found = await answer.json();
  if (!answer.ok || !found.access_token || !found.id_token) throw Error(found.error ?? 'no tokens');
  return found;
}
async function exchanged() {
  const verifier = sessionStorage.getItem('code_verifier'), nonce = sessionStorage.getItem('oauth_nonce');
  if (query.has('error')) throw Error(query.get('error'));
  if (!verifier || !nonce) throw Error('No OAuth nonce found in session');
  const found = await token({ grant_type: 'authorization_code', code: query.get('code'),
    redirect_uri: location.origin + location.pathname, code_verifier: verifier });
  if (claims(found.id_token).nonce !== nonce) throw Error('wrong nonce');
  return found;
}
(async () => {
  let message, state;
  try {
    state = JSON.parse(decodeURIComponent(query.get('state')));
    const found = await (state.refreshToken
      ? token({ grant_type: 'refresh_token', refresh_token: state.refreshToken }) : exchanged());
    message = { type: 'oauth-success', accessToken: found.access_token, idToken: found.id_token,
      refreshToken: found.refresh_token ?? state.refreshToken };
  } catch (error) {
    message = { type: 'oauth-error', error: error.message };
    document.getElementById('error').textContent = error.message;
  }
  if (window.opener) {
    window.opener.postMessage(message, location.origin);
    setTimeout(() => window.close(), 1000);
  } else if (message.accessToken) {
    const fields = Object.entries(state).filter(([name]) => name.startsWith('config.'));
    const hash = new URLSearchParams([...fields, ['jwt', `"${message.accessToken}"`]]);
    location.href = `${state.tenant ? `/${state.tenant}` : ''}/${state.roomSafe}#${hash}`;
  }
})();
</script>"""

LOGOUT = """<!doctype html><title>Signed out</title>
<script>window.parent.postMessage({ type: 'logout-success' }, location.origin);</script>"""


class JitsiPage:
    """The server, at an origin of its own, on the site of the provider: 127.0.0.1.

    `config` is what Jitsi's `config.js` has of its own; it is set once the provider is there.
    """

    def __init__(self, authority: Authority) -> None:
        self.config = ""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                kind = "text/javascript" if path.endswith(".js") else "text/html"
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.end_headers()
                self.wfile.write(page.at(path).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context: ssl.SSLContext = authority.server("127.0.0.1")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"

    def at(self, path: str) -> str:
        """What is at a path: every one that is nothing else is a room."""
        if path == "/page.js":
            return CLIENT.read_text()
        if path == "/config.js":
            return f"var config = {{}};\n{self.config}"
        return {"/static/sso.html": SSO, "/static/logout.html": LOGOUT}.get(path, MEETING)


@contextmanager
def jitsi_page(authority: Authority) -> Iterator[JitsiPage]:
    """Serves the pages."""
    page = JitsiPage(authority)
    threading.Thread(target=page.server.serve_forever, daemon=True).start()
    try:
        yield page
    finally:
        page.server.shutdown()
        page.server.server_close()
