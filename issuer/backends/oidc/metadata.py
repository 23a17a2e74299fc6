"""What a provider says of itself (OpenID Connect Discovery 1.0 §3), fetched once and kept."""

import logging
import threading
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from issuer.backends.oidc.errors import ProviderAnswerError, ProviderDownError
from issuer.backends.oidc.settings import is_safe
from issuer.bearer import RemoteKeys
from issuer.upstream import Party, Upstream, UpstreamCall, UpstreamError
from issuer.world import Clock

_log = logging.getLogger(__name__)

WELL_KNOWN = "/.well-known/openid-configuration"
FRESH = 3600.0
"""Seconds after which a provider is asked again."""
LONGEST = 24 * 3600.0
"""Seconds for which what it said goes on to count while it cannot be asked."""
PAUSE = 5.0
"""Seconds between two attempts while it cannot be asked."""


def _endpoint(value: str) -> str:
    if not is_safe(value):
        raise ValueError("not an https URL")
    return value


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class Metadata(BaseModel):
    """The part of a discovery document that is used here."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: Endpoint
    token_endpoint: Endpoint
    jwks_uri: Endpoint
    userinfo_endpoint: Endpoint | None = None
    end_session_endpoint: Endpoint | None = None
    claims_parameter_supported: bool = False
    authorization_response_iss_parameter_supported: bool = False


class WrongIssuerError(ProviderAnswerError):
    """The document is another issuer's, `found` (OIDC Discovery §4.3)."""

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(f'the discovery document of issuer "{wanted}" names another issuer')
        self.found = found if is_safe(found) else "?"


def read(data: object, issuer: str) -> Metadata:
    """Read a discovery document.

    Raises:
        WrongIssuerError: it is another issuer's.
        ProviderAnswerError: it is none, or lacks something.
    """
    try:
        found = Metadata.model_validate(data)
    except ValidationError as error:
        members = sorted({str(part) for one in error.errors() for part in one["loc"][:1]})
        raise ProviderAnswerError(f"the discovery document is not usable: {', '.join(members)}") from None
    if found.issuer != issuer:
        raise WrongIssuerError(issuer, found.issuer)
    return found


Known = tuple[Metadata, RemoteKeys]


class ProviderDiscovery:
    """What one provider says of itself, and its keys. One thread fetches, the others wait for it."""

    def __init__(self, upstream: Upstream, clock: Clock, issuer: str) -> None:
        self.url = issuer.rstrip("/") + WELL_KNOWN
        self._issuer = issuer
        self._upstream = upstream
        self._clock = clock
        self._fetching = threading.Lock()
        self._found: Known | None = None
        self._learnt = 0.0
        self._look_at = float("-inf")

    def metadata(self) -> Metadata:
        """Return the document.

        Raises:
            ProviderDownError: the provider does not answer.
            ProviderAnswerError: it answers something else.
        """
        return self._current()[0]

    def keys(self) -> RemoteKeys:
        """Return the keys; raises as `metadata` does."""
        return self._current()[1]

    def _current(self) -> Known:
        known, age = self._found, self._clock.monotonic() - self._learnt
        if known and age <= FRESH:
            return known
        if known and age <= LONGEST:
            return self._looked_alone(known)
        with self._fetching:
            return self._found if self._found is not known and self._found else self._look()

    def _looked_alone(self, known: Known) -> Known:
        """Look again, unless another thread does: what is known is good enough meanwhile."""
        if self._clock.monotonic() < self._look_at or not self._fetching.acquire(blocking=False):
            return known
        try:
            return self._look()
        except ProviderDownError as error:
            _log.warning("the discovery document of %s is an old one: %s", self._issuer, error)
            return known
        finally:
            self._fetching.release()

    def _look(self) -> Known:
        if self._clock.monotonic() < self._look_at:
            raise ProviderDownError(f"{self._issuer} did not answer a moment ago")
        try:
            metadata = self.fetch()
        except ProviderAnswerError as error:  # whoever wants to sign in can do so elsewhere meanwhile
            raise ProviderDownError(str(error)) from None
        finally:
            self._look_at = self._clock.monotonic() + PAUSE  # those who waited for this do not try themselves
        if self._found is None or self._found[0].jwks_uri != metadata.jwks_uri:
            self._found = metadata, RemoteKeys(self._upstream, self._clock, metadata.jwks_uri)
        self._found = metadata, self._found[1]
        self._learnt = self._clock.monotonic()
        return self._found

    def fetch(self) -> Metadata:
        """Fetch the document, whatever is known; raises as `metadata` does."""
        call = UpstreamCall(self.url, Party.OPERATOR, headers={"Accept": "application/json"})
        try:
            answer = self._upstream.call(
                self._upstream.fetch(call), self._upstream.settings.total_timeout + 1
            )
            if answer.status != 200:
                raise ProviderDownError(f"{self.url} answers with status {answer.status}")
            return read(answer.json(), self._issuer)
        except UpstreamError as error:
            raise ProviderDownError(f"{self.url}: {error}") from None
