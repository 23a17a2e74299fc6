"""The authorization endpoint (RFC 6749 §3.1): from a client's wish to a code.

A request is judged anew at each step, from its own text: nothing of it is kept in a session or a cookie.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
)
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError
from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from issuer.errors import ForbiddenError, StepUpRequiredError
from issuer.issuance import Phases
from issuer.store import OutdatedError, Session
from modules.oidc.authorization.consent import consent_page, earlier, form_post_page, remember, shown
from modules.oidc.authorization.request import (
    FORM_POST,
    AuthorizationRequest,
    client_and_redirect,
    is_pushed,
    parse_authorization_request,
)
from modules.oidc.authorization.requirements import acr_of, sign_in_again, spent_again
from modules.oidc.endpoints.par import for_pages, resolved, use
from modules.oidc.errors import BadAuthorizationError
from modules.oidc.parameters import Parameters
from modules.oidc.provider import Provider
from modules.oidc.server import FORM
from modules.oidc.store.consents import Consent
from modules.oidc.store.grants import Details, Footing, Grant
from modules.oidc.tokens.issue import foreign_phases, refused
from modules.oidc.tokens.phases import ClientPhases, Wanted

LONGEST_REQUEST = 6000


@dataclass(frozen=True, slots=True)
class ConsentDecision:
    """What somebody chose on the consent page, and in which session it was shown."""

    allowed: bool
    session: str


@dataclass(frozen=True, slots=True)
class ForClient:
    """What the client gets; its repr shows no code."""

    parameters: dict[str, str] = field(repr=False)


def told(error: OAuth2Error) -> ForClient:
    """Return an error for a client."""
    return ForClient(dict(error.get_body()))


class AuthorizationEndpoint:
    """The endpoint of one instance."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._gateway = provider.gateway

    def authorize(self) -> ResponseReturnValue:
        """Answer a browser that a client has sent here."""
        if request.method == "POST":
            return self._as_get()
        return self._answer(request.query_string, None)

    def consent(self) -> ResponseReturnValue:
        """Take what somebody chose on the consent page."""
        self._gateway.portal.check_origin()
        form = _readable(request.get_data(cache=False))
        decision = ConsentDecision(form.get("decision") == "allow", form.get("session", ""))
        return self._answer(form.get("request", "").encode("ascii", "replace"), decision)

    def _as_get(self) -> ResponseReturnValue:
        """Let a browser that was sent here by a form (OIDC Core §3.1.2.1) come back with an address."""
        if request.mimetype != FORM or request.query_string:
            raise BadAuthorizationError("the form is none")
        encoded = request.get_data(cache=False)
        if len(encoded) > LONGEST_REQUEST:
            raise BadAuthorizationError("the request is too long")
        parameters = _readable(encoded)
        return redirect(f"{request.path}?{urlencode(parameters.without())}", 303)

    def _answer(self, query: bytes, decision: ConsentDecision | None) -> ResponseReturnValue:
        if len(query) > LONGEST_REQUEST:
            raise BadAuthorizationError("the request is too long")
        sent = _readable(query)
        pushed = is_pushed(sent)
        parameters = self._resolved(sent) if pushed else sent
        if pushed and (further := for_pages(sent, parameters)):
            wanted = urlencode([*sent.without(), *further])
            return redirect(f"{self._provider.settings.path}/authorize?{wanted}", 303)
        client, redirect_uri = client_and_redirect(parameters, self._provider.registry)
        try:
            asked = parse_authorization_request(parameters, client, redirect_uri)
            answer = self._decide(asked, sent, query.decode("ascii"), decision)
            if pushed and isinstance(answer, ForClient) and not use(self._provider, sent):
                raise InvalidRequestError("The request_uri was used before.")
        except OAuth2Error as error:
            answer = told(error)
        if not isinstance(answer, ForClient):
            return answer
        given = {**answer.parameters, "state": parameters.get("state"), "iss": self._provider.issuer}
        pairs = {name: value for name, value in given.items() if value is not None}
        if parameters.get("response_mode") == FORM_POST:
            return form_post_page(client, redirect_uri, pairs)
        return _send(redirect_uri, pairs)

    def _resolved(self, parameters: Parameters) -> Parameters:
        try:
            return resolved(self._provider, parameters)
        except InvalidRequestError as error:
            raise BadAuthorizationError(error.description) from None

    def _decide(
        self,
        asked: AuthorizationRequest,
        parameters: Parameters,
        query: str,
        decision: ConsentDecision | None,
    ) -> "ResponseReturnValue | ForClient":
        """Return a page on the way, or what the client gets."""
        session = self._gateway.session()
        again = sign_in_again(self._provider, asked, session, parameters)
        if again or session is None:
            if again is None or "none" in asked.prompt:
                raise LoginRequiredError
            return again.answer()
        self._judge(asked, session)
        consent: Consent | None = None
        if decision is None or decision.session != shown(session):
            if not asked.client.settings.trusted:
                consent = earlier(self._provider, asked, session)
                if consent is None:
                    if "none" in asked.prompt:
                        raise ConsentRequiredError
                    return consent_page(self._provider, asked, session, query)
        elif not decision.allowed:
            raise AccessDeniedError
        else:
            consent = remember(self._provider, asked, session)
        if again := spent_again(self._provider, asked, session, parameters):
            return again.answer()
        try:
            return ForClient({"code": self._code(asked, session, consent)})
        except OutdatedError:  # signed out, or the consent withdrawn, at this moment: judged anew
            same = urlencode(parameters.without())
            return redirect(f"{self._provider.settings.path}/authorize?{same}", 303)

    def _judge(self, asked: AuthorizationRequest, session: Session) -> None:
        """Ask the rule before the client hears anything: whoever may not use it learns that now."""
        try:
            for phases in self._phases(asked, session):
                self._gateway.issuance.admit(phases, session.identity, self._gateway.address())
        except ForbiddenError as error:
            raise refused(error) from None
        except InvalidGrantError:
            raise InvalidRequestError("There is no token for this state.") from None
        except StepUpRequiredError:
            if "none" in asked.prompt:
                raise LoginRequiredError from None
            raise

    def _phases(self, asked: AuthorizationRequest, session: Session) -> list[Phases]:
        client, provider = asked.client, self._provider
        wanted = Wanted({}, 0, provider.signer(client.settings.algorithm), asked.scope, asked.resources)
        own: Phases = ClientPhases(provider.instance, client, session.identity, wanted)
        return [own, foreign_phases(provider, client, asked.state)] if client.is_jitsi else [own]

    def _code(self, asked: AuthorizationRequest, session: Session, consent: Consent | None) -> str:
        provider, now = self._provider, self._provider.clock.now()
        code = provider.new_secret()
        grant = Grant(
            id=provider.new_id(),
            instance=provider.instance,
            client_id=asked.client.client_id,
            identity=session.identity,
            auth_time=session.auth_time,
            scope=asked.scope,
            created_at=now,
            expires_at=now + provider.settings.grant_lifetime,
            session=session.id_hash,
            details=_details(asked, acr_of(provider, asked, session), provider.sid(session)),
            code_expires_at=now + provider.settings.code_lifetime,
        )
        footing = Footing(session.id_hash, consent, provider.is_stored(grant.client_id))
        provider.grants.add(grant, provider.hash_of(code), footing)
        return code


def _send(redirect_uri: str, pairs: dict[str, str]) -> Response:
    """Send the browser back with an address (RFC 6749 §4.1.2)."""
    location = f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(pairs)}"
    return Response(status=303, headers={"Location": location})


def _details(asked: AuthorizationRequest, acr: str, sid: str) -> Details:
    return Details(
        redirect_uri=asked.redirect_uri,
        nonce=asked.nonce,
        challenge=asked.challenge,
        acr=acr,
        sid=sid,
        resources=asked.resources,
        id_token_claims=asked.wishes.id_token,
        userinfo_claims=asked.wishes.userinfo,
        state=_place(asked.state) if asked.client.is_jitsi else None,
    )


def _place(state: str | None) -> str | None:
    """Return a state of Jitsi's page with nothing but the room: it may hold a refresh token, too."""
    try:
        found = json.loads(state or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return json.dumps({name: found[name] for name in ("room", "tenant") if name in found})


def _readable(encoded: bytes) -> Parameters:
    try:
        return Parameters.parse(encoded)
    except InvalidRequestError as error:
        raise BadAuthorizationError(error.description) from None
