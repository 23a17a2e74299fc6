"""Header fields of any bytes: no error of ours, and no answer without the security headers."""

import random

import pytest

from tests.gateway import BuildGateway, LocalGateway

NAMES = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Origin",
    "Range",
    "Referer",
    "Sec-Fetch-Site",
    "TE",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Requested-With",
]
PATHS = [
    "/",
    "/login",
    "/sessions",
    "/healthz",
    "/logout",
    "/jitsi/login?room=x",
    "/oidc/authorize",
    "/static/style.css",
]
POSTS = ["/login", "/logout", "/oidc/token", "/oidc/userinfo", "/oidc/par", "/oidc/revoke", "/sessions"]
JITSI = {"server_url": "https://meet.example.com", "app_id": "x", "algorithm": "RS256"}


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    data = {"modules": {"jitsi": JITSI, "oidc": {}}}
    return build_gateway(data, users={"dwho": ()}, keys=("jitsi", "oidc"))


def junk(source: random.Random) -> str:
    """Bytes that an HTTP server lets through, as WSGI says them (PEP 3333)."""
    letters = [chr(code) for code in (9, *range(32, 127), *range(128, 256))]
    start = source.choice(
        ["", "Bearer ", "Basic ", "a=b; ", "text/html; charset=", "for=", 'W/"', "issuer_session="]
    )
    return (start + "".join(source.choices(letters, k=source.randint(0, 40)))).strip()


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_in_a_header(gateway: LocalGateway, name: str) -> None:
    source, client = random.Random(name), gateway.sign_in("dwho")
    for path in [*PATHS, *POSTS]:
        for _ in range(3):
            method = "POST" if path in POSTS else "GET"
            answer = client.open(
                path, method=method, headers={name: junk(source)}, data=b"a=b" if path in POSTS else None
            )
            answer.close()
            assert answer.status_code < 500, (name, path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Content-Security-Policy" in answer.headers


def test_a_foreign_cookie_takes_no_other_with_it(gateway: LocalGateway) -> None:
    cookie = gateway.sign_in("dwho").get_cookie("__Host-issuer_session")
    assert cookie
    browser = gateway.app.test_client(use_cookies=False)
    ours = f"__Host-issuer_session={cookie.value}"
    for foreign in ("a=\xf6", "\xc3\xb6=1", 'b="\xff', "\xff", "c=\xf6=\xf6", "d"):
        for line in (f"{foreign}; {ours}", f"{ours}; {foreign}", f"{foreign}; {ours}; {foreign}"):
            assert browser.get("/sessions", headers={"Cookie": line}).status_code == 200, line
