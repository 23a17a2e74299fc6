"""A page on another origin that does with the provider exactly what Jitsi's own sign-in page does.

It has its settings from `config.js`, as Jitsi has. `/` begins, with the state that is in the fragment, in a
popup or with the whole page; `/static/sso.html` is the redirect URI: it exchanges the code as a public
client, gives the tokens to its opener (or keeps them, as a whole page), and can refresh them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ASKED = """
const text = (id, value) => { document.getElementById(id).textContent = value; };
const base64url = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function authorizationUrl() {
  const verifier = random(), nonce = random();
  sessionStorage.setItem('code_verifier', verifier);
  sessionStorage.setItem('oauth_nonce', nonce);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return config.tokenAuthUrl
    .replace('{state}', encodeURIComponent(decodeURIComponent(location.hash.slice(1))))
    .replace('{nonce}', nonce)
    .replace('{code_challenge}', base64url(digest));
}

async function token(fields) {
  const answer = await fetch(`https://${config.sso.tokenService}/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ client_id: config.sso.clientId, ...fields }) });
  return answer.json();
}

function exchange(code) {
  return token({ grant_type: 'authorization_code', code,
    redirect_uri: location.origin + location.pathname,
    code_verifier: sessionStorage.getItem('code_verifier') });
}
"""

HOME = """<!doctype html><link rel="icon" href="data:,"><title>Meet</title>
<script src="/config.js"></script><script>%s
addEventListener('message', event => {
  if (event.origin === location.origin) text('tokens', JSON.stringify(event.data));
});
async function popup() { window.open(await authorizationUrl(), 'sso', 'width=500,height=700'); }
async function wholePage() { location = await authorizationUrl(); }
</script>
<button id="popup" onclick="popup()">Sign in</button>
<button id="page" onclick="wholePage()">Sign in here</button>
<pre id="tokens"></pre>"""

SSO = """<!doctype html><link rel="icon" href="data:,"><title>Signing in</title>
<pre id="tokens"></pre><pre id="state"></pre>
<button id="refresh" onclick="again()">Refresh</button><pre id="refreshed"></pre>
<script src="/config.js"></script><script>%s
const query = new URLSearchParams(location.search);
let tokens;
(async () => {
  tokens = query.has('code') ? await exchange(query.get('code')) : { error: query.get('error') };
  tokens.state = query.get('state');
  tokens.nonce = sessionStorage.getItem('oauth_nonce');
  if (window.opener) { window.opener.postMessage(tokens, location.origin); window.close(); }
  else text('tokens', JSON.stringify(tokens));
})();
async function again() {
  const found = await token({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  text('refreshed', JSON.stringify(found));
}
</script>"""


class JitsiPage:
    """The page, at an origin of its own, which is another site than the provider's 127.0.0.1.

    `config` is what Jitsi's `config.js` has of its own; it is set once the provider is there.
    """

    def __init__(self) -> None:
        self.config = ""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = page.at(self.path.partition("?")[0])
                kind = "text/javascript" if self.path == "/config.js" else "text/html"
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.end_headers()
                self.wfile.write((found or "").encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"

    def at(self, path: str) -> str | None:
        """What is at a path."""
        settings = f"var config = {{}};\n{self.config}"
        return {"/": HOME % ASKED, "/static/sso.html": SSO % ASKED, "/config.js": settings}.get(path)


@contextmanager
def jitsi_page() -> Iterator[JitsiPage]:
    """Serves the page."""
    page = JitsiPage()
    threading.Thread(target=page.server.serve_forever, daemon=True).start()
    try:
        yield page
    finally:
        page.server.shutdown()
        page.server.server_close()
