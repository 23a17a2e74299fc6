"""The options of a trusted issuer, for the sections of modules."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from issuer.bearer.issuers import RemoteIssuer
from issuer.bearer.remote import RemoteKeys
from issuer.check import Check, CheckError
from issuer.settings.base import Section
from issuer.settings.types import WebUrl, is_loopback
from issuer.upstream import Upstream, UpstreamError
from issuer.world import Clock


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable():
        raise ValueError('not an issuer: write its `iss` to the letter, as in "https://idp.example.com/"')
    return text


def _keys_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" and not is_loopback(f"{parts.hostname}:0"):
        raise ValueError("must begin with https: whoever can change the answer can make tokens")
    return text


IssuerName = Annotated[str, AfterValidator(_issuer)]
KeysUrl = Annotated[WebUrl, AfterValidator(_keys_url)]


class TrustedIssuerSettings(Section):
    """A provider whose access tokens say who asks."""

    issuer: IssuerName = Field(examples=["https://idp.example.com/"])
    """The `iss` of its tokens, to the letter."""
    jwks_url: KeysUrl = Field(examples=["https://idp.example.com/jwks.json"])
    """Where it publishes its keys; `jwks_uri` in its discovery document."""
    groups_claim: str = "groups"
    """The claim that holds a person's groups."""

    def open(self, upstream: Upstream, clock: Clock) -> RemoteIssuer:
        """Return the issuer; nobody is called yet."""
        return RemoteIssuer(self.issuer, RemoteKeys(upstream, clock, self.jwks_url), self.groups_claim)

    def check(self, upstream: Upstream, clock: Clock) -> Check:
        """Return what `issuer doctor` asks: whether there are keys."""

        def run() -> None:
            try:
                RemoteKeys(upstream, clock, self.jwks_url).ask()
            except UpstreamError as error:
                raise CheckError(f"no keys at {self.jwks_url}: {error}. Check jwks_url") from None

        return Check(self.issuer, run, offline=False)
