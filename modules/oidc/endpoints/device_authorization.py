"""The device authorization endpoint (RFC 8628 §3.1), and the page where people let a device in (§3.3)."""

from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidScopeError, UnauthorizedClientError
from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from issuer.issuance import Phases
from issuer.store import AttemptPolicy, DuplicateError, OutdatedError, Session, SpentError
from modules.oidc import audit, user_codes
from modules.oidc.authorization.consent import shown
from modules.oidc.clients.client import Client
from modules.oidc.endpoints.storage import reserve
from modules.oidc.grants.base import InvalidTargetError
from modules.oidc.provider import Provider
from modules.oidc.server import NO_STORE, ProviderRequest, TokenServer
from modules.oidc.settings import DEVICE_CODE
from modules.oidc.store.devices import Device
from modules.oidc.store.grants import Details, Footing, Grant
from modules.oidc.tokens.phases import ClientPhases, Wanted

LIFETIME = 600.0
INTERVAL = 5.0
GUESSES = AttemptPolicy(10, 10.0, 900.0, 3600.0)
"""20^8 codes and ten guesses before each has to wait (§5.1)."""


class DeviceAuthorization:
    """Both endpoints of one instance."""

    def __init__(self, provider: Provider, server: TokenServer) -> None:
        self._provider = provider
        self._gateway = provider.gateway
        self._server = server

    def answer(self, incoming: ProviderRequest) -> tuple[int, Any, list[tuple[str, str]]]:
        """Give a device its two codes (§3.2)."""
        client = self._server.client_of(incoming, "device_authorization")
        if not client.check_grant_type(DEVICE_CODE):
            raise UnauthorizedClientError
        scope = tuple(client.get_allowed_scope(incoming.parameters.get("scope")).split())
        resources = tuple(dict.fromkeys(incoming.parameters.all("resource")))
        if not scope:
            raise InvalidScopeError
        if not set(resources) <= set(client.settings.resources):
            raise InvalidTargetError
        reserve(self._provider, client, sum(map(len, (*scope, *resources))))
        device_code, user_code = self._add(client, scope, resources)
        page = self._provider.url("/device")
        body = {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": int(LIFETIME),
            "interval": int(INTERVAL),
        }
        return 200, body, NO_STORE

    def _add(self, client: Client, scope: tuple[str, ...], resources: tuple[str, ...]) -> tuple[str, str]:
        provider = self._provider
        while True:
            device_code, user_code = provider.new_secret(), user_codes.draw(self._gateway.randomness)
            now = provider.clock.now()
            hashed = provider.hash_of(device_code)
            device = Device(
                hashed, client.client_id, scope, resources, now + LIFETIME, now - INTERVAL, INTERVAL
            )
            try:
                provider.devices.add(device, self._user_hash(user_code))
            except DuplicateError:
                continue
            return device_code, user_code

    def _user_hash(self, user_code: str) -> bytes:
        return self._provider.hash_of(f"user {user_code}")

    def page(self) -> ResponseReturnValue:
        """Ask for the code, then for the consent."""
        session = self._gateway.require()
        typed = request.args.get("user_code", "")
        if not typed:
            return self._form()
        code = user_codes.read(typed)
        if code is None:
            return self._form(typed, readable=False), 400
        device, wait = self._device(session, code)
        if device is None:
            return self._form(code, wait), 429 if wait else 404
        client = self._provider.registry.get(device.client_id)
        return render_template(
            "oidc/device.html",
            client=client.name if client else device.client_id,
            scope=device.scope,
            user_code=code,
            session=shown(session),
            action=f"{self._provider.settings.path}/device",
        )

    def decide(self) -> ResponseReturnValue:
        """Take what somebody chose."""
        self._gateway.portal.check_origin()
        session, form = self._gateway.require(), request.form
        code = user_codes.read(form.get("user_code", ""))
        if code is None or form.get("session") != shown(session):
            return redirect(f"{self._provider.settings.path}/device", 303)
        device, wait = self._device(session, code)
        if device is None:
            return self._form(code, wait), 429 if wait else 404
        allowed = form.get("decision") == "allow"
        if not (self._let_in(device, session) if allowed else self._provider.devices.decide(device, None)):
            return self._form(code), 404
        text = (
            _("The device is signed in. You can close this page.")
            if allowed
            else _("The device was not let in.")
        )
        return render_template("message.html", title=_("Done"), text=text, action=None)

    def _device(self, session: Session, code: str) -> tuple[Device | None, float]:
        """Return the device, or how long to wait after wrong guesses."""
        attempts = self._gateway.store.attempts
        bucket = f"device:{session.identity.backend}:{session.identity.subject}"
        wait = attempts.reserve(bucket, GUESSES)
        if wait > 0:
            return None, wait
        device = self._provider.devices.waiting(self._user_hash(code))
        if device:
            attempts.release(bucket)
        return device, 0

    def _form(self, code: str = "", wait: float = 0, *, readable: bool = True) -> str:
        path = f"{self._provider.settings.path}/device"
        values = {"user_code": code, "wait": round(wait), "readable": readable}
        return render_template("oidc/device_code.html", action=path, **values)

    def _let_in(self, device: Device, session: Session) -> bool:
        """Let a device in; False, when somebody else has decided, or the session ended, at this moment."""
        provider, grant = self._provider, self._grant(device, session)
        footing = Footing(session.id_hash, None, provider.is_stored(device.client_id))
        try:
            with provider.gateway.store.database.write():
                provider.grants.add(grant, on=footing)
                if not provider.devices.decide(device, grant.id):
                    raise SpentError
        except (OutdatedError, SpentError):
            return False
        audit.consent_given(provider.instance, device.client_id, session.identity, device.scope)
        return True

    def _grant(self, device: Device, session: Session) -> Grant:
        """Return the grant of a device, which outlives the browser's session; the rule is asked first."""
        provider = self._provider
        client = provider.registry.get(device.client_id)
        if client is None:
            raise LookupError(device.client_id)
        wanted = Wanted({}, 0, provider.signer(client.settings.algorithm), device.scope, device.resources)
        phases: Phases = ClientPhases(provider.instance, client, session.identity, wanted)
        self._gateway.issuance.admit(phases, session.identity, self._gateway.address())
        now = provider.clock.now()
        return Grant(
            id=provider.new_id(),
            instance=provider.instance,
            client_id=client.client_id,
            identity=session.identity,
            auth_time=session.auth_time,
            scope=device.scope,
            created_at=now,
            expires_at=now + provider.settings.grant_lifetime,
            details=Details(acr=str(session.identity.auth_level), resources=device.resources),
        )
