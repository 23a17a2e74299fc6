"""Device codes (RFC 8628 §3.4): a device asks again and again until somebody has let it in."""

from authlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    InvalidGrantError,
    InvalidRequestError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc8628.errors import AuthorizationPendingError, ExpiredTokenError, SlowDownError

from issuer.store import SpentError
from modules.oidc.clients.authentication import METHODS
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.settings import DEVICE_CODE
from modules.oidc.store.devices import Device
from modules.oidc.tokens.issue import Granted

SLOWER = 5.0
"""Seconds by which the interval grows when a device asks too often (§3.5)."""


class DeviceGrant(Issuing, BaseGrant, TokenEndpointMixin):
    """`grant_type=urn:ietf:params:oauth:grant-type:device_code`."""

    GRANT_TYPE = DEVICE_CODE
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_token_request(self) -> None:
        """Find the device of the client, and judge whether it was let in (§3.5)."""
        code = self.request.parameters.get("device_code")
        if code is None:
            raise InvalidRequestError("The parameter device_code is missing.")
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(DEVICE_CODE):
            raise UnauthorizedClientError
        self.request.client = client
        device = self.provider.devices.by_device_code(self.provider.hash_of(code))
        if device is None or device.client_id != client.client_id or device.used_at is not None:
            raise InvalidGrantError("The device_code is not good.")
        self._judge(device)
        self.request.credential = device

    def _judge(self, device: Device) -> None:
        now = self.provider.clock.now()
        if device.expires_at <= now:
            raise ExpiredTokenError
        if device.denied:
            raise AccessDeniedError
        if device.grant_id is not None:
            return
        early = now - device.polled_at < device.interval
        self.provider.devices.polled(device, device.interval + (SLOWER if early else 0))
        raise SlowDownError if early else AuthorizationPendingError

    def create_token_response(self) -> Answer:
        """Answer with tokens, and use the code."""
        provider = self.provider
        device: Device = self.request.credential
        grant = provider.grants.get(device.grant_id or "")
        if grant is None:
            raise InvalidGrantError("The device_code is not good.")
        grant = self.tokens.renewed(grant)
        refresh = self.tokens.refresh_token(self.asker, grant)
        change = provider.devices.spent(device, provider.grants.added(refresh.token if refresh else None))
        granted = Granted(self.asker, grant, refresh, grant.details.resources)
        try:
            return self.respond(self.tokens.answer(granted, change))
        except SpentError:
            raise InvalidGrantError("The device_code is not good.") from None
