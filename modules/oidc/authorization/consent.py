"""The pages between a client and its code.

Consent: whether people let a client know about them, remembered for as long as the instance says. And the
form by which an answer leaves.
"""

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from issuer.store import Session
from issuer.web.headers import content_security_policy
from modules.oidc import audit
from modules.oidc.authorization.request import AuthorizationRequest
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider
from modules.oidc.store.consents import Consent
from modules.oidc.tokens.claims import SINGLE, scopes_of

POLICY = "Content-Security-Policy"


def shown(session: Session) -> str:
    """Return how a page names the session that it was shown in, so that it counts for no other."""
    return session.id_hash.hex()[:16]


def needed(asked: AuthorizationRequest) -> dict[str, None]:
    """Return what the consent must cover, in order: the scopes, and single claims as a scope of their own."""
    single = (*asked.wishes.id_token, *asked.wishes.userinfo)
    return dict.fromkeys([*asked.scope, *(SINGLE + name for name in single)])


def earlier(provider: Provider, asked: AuthorizationRequest, session: Session) -> Consent | None:
    """Return the consent that covers a request, when there is one and the client does not want it anew."""
    if "consent" in asked.prompt:
        return None
    found = provider.consents.get(session.identity, asked.client.client_id)
    return found if found is not None and needed(asked).keys() <= frozenset(found.scope) else None


def remember(provider: Provider, asked: AuthorizationRequest, session: Session) -> Consent:
    """Keep a consent, and return it with what was covered before."""
    identity, client_id, now = session.identity, asked.client.client_id, provider.clock.now()
    wanted = Consent(client_id, tuple(needed(asked)), now, now + provider.settings.consent_lifetime)
    given = provider.consents.give(identity, wanted)
    audit.consent_given(provider.instance, client_id, identity, given.scope)
    return given


def withdraw(provider: Provider, session: Session, client_id: str) -> bool:
    """Forget a consent, and end the client's grants; tell whether there was one."""
    identity = session.identity
    with provider.gateway.store.database.write():
        found = provider.consents.withdraw(identity, client_id)
        ended = provider.grants.revoke_of_client(provider.instance, client_id, identity)
    if found or ended:
        audit.consent_withdrawn(provider.instance, client_id, identity)
    return found or ended > 0


def consent_page(
    provider: Provider, asked: AuthorizationRequest, session: Session, query: str
) -> ResponseReturnValue:
    """Return the page that asks; `query` is the request, which its form sends back."""
    page = render_template(
        "oidc/consent.html",
        client=asked.client.name,
        host=_host(asked.redirect_uri),
        scope=scopes_of(needed(asked)),
        request_text=query,
        session=shown(session),
        action=f"{provider.settings.path}/consent",
    )
    return Response(page, headers={POLICY: content_security_policy(asked.client.destinations)})


def form_post_page(client: Client, redirect_uri: str, pairs: dict[str, str]) -> Response:
    """Return the form that goes to a client, by itself or by its button (Form Post Response Mode §2)."""
    page = render_template("oidc/form_post.html", client=client.name, action=redirect_uri, fields=pairs)
    policy = content_security_policy(client.destinations, scripts=True)
    return Response(page, headers={POLICY: policy})


def _host(redirect_uri: str) -> str:
    """Return where people would go, as they read it."""
    return redirect_uri.partition("://")[2].partition("/")[0] or redirect_uri.partition(":")[0]
