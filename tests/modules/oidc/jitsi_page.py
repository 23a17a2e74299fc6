"""A page on another origin that does with the provider exactly what Jitsi's own sign-in page does.

`/` begins, in a popup or with the whole page; `/static/sso.html` is the redirect URI: it exchanges the code
as a public client, gives the tokens to its opener (or keeps them, as a whole page), and can refresh them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCRIPT = """
const text = (id, value) => { document.getElementById(id).textContent = value; };
const base64url = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function authorizationUrl(config) {
  const verifier = random();
  sessionStorage.setItem('verifier', verifier);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  const query = new URLSearchParams({
    client_id: config.clientId, response_type: 'code', scope: 'openid', state: config.state,
    nonce: config.nonce, redirect_uri: location.origin + '/static/sso.html',
    code_challenge: base64url(digest), code_challenge_method: 'S256' });
  return config.ssoService + '?' + query;
}

async function token(config, fields) {
  const answer = await fetch(config.tokenService + '/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ client_id: config.clientId, ...fields }) });
  return answer.json();
}

function exchange(config, code) {
  return token(config, { grant_type: 'authorization_code', code,
    redirect_uri: location.origin + '/static/sso.html', code_verifier: sessionStorage.getItem('verifier') });
}
"""

HOME = """<!doctype html><link rel="icon" href="data:,"><title>Meet</title><script>%s
const config = JSON.parse(decodeURIComponent(location.hash.slice(1)));
sessionStorage.setItem('config', JSON.stringify(config));
addEventListener('message', event => {
  if (event.origin === location.origin) text('tokens', JSON.stringify(event.data));
});
async function popup() { window.open(await authorizationUrl(config), 'sso', 'width=500,height=700'); }
async function wholePage() { location = await authorizationUrl(config); }
</script>
<button id="popup" onclick="popup()">Sign in</button>
<button id="page" onclick="wholePage()">Sign in here</button>
<pre id="tokens"></pre>"""

SSO = """<!doctype html><link rel="icon" href="data:,"><title>Signing in</title>
<pre id="tokens"></pre><pre id="state"></pre>
<button id="refresh" onclick="again()">Refresh</button><pre id="refreshed"></pre>
<script>%s
const config = JSON.parse(sessionStorage.getItem('config'));
const query = new URLSearchParams(location.search);
let tokens;
(async () => {
  tokens = query.has('code') ? await exchange(config, query.get('code')) : { error: query.get('error') };
  tokens.state = query.get('state');
  if (window.opener) { window.opener.postMessage(tokens, location.origin); window.close(); }
  else text('tokens', JSON.stringify(tokens));
})();
async function again() {
  const found = await token(config, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  text('refreshed', JSON.stringify(found));
}
</script>"""

PAGES = {"/": HOME % SCRIPT, "/static/sso.html": SSO % SCRIPT}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = PAGES.get(self.path.partition("?")[0])
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def jitsi_page() -> Iterator[str]:
    """Serves the page at an origin of its own, which is another site than the provider's 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
