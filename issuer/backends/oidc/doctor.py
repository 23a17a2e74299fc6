"""What `issuer doctor` asks a provider: its discovery document, its keys, its clock, whether it knows us."""

from collections.abc import Iterable
from email.utils import parsedate_to_datetime

from issuer.backend import BackendServices
from issuer.backends.oidc.client import WHO_WE_ARE, ProviderClient, TokenRequestRefusedError
from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.backends.oidc.metadata import Metadata, ProviderDiscovery, WrongIssuerError
from issuer.backends.oidc.settings import OidcBackendSettings
from issuer.bearer import JwkSet
from issuer.check import Check
from issuer.errors import GatewayError
from issuer.upstream import Party

UNREACHABLE = (
    "check `issuer` for a mistake, then name resolution and firewalls on this machine; for a certificate of "
    "an authority of your own, set `upstream.ca_file`"
)
BOGUS_CODE = "issuer-doctor"
BOGUS_VERIFIER = BOGUS_CODE * 4


class Trouble(Exception):  # noqa: N818 - the text is the cause and the remedy
    """What is wrong at a provider, and what to do."""


class ProviderDoctor:
    """Asks one provider."""

    def __init__(
        self,
        settings: OidcBackendSettings,
        discovery: ProviderDiscovery,
        client: ProviderClient,
        services: BackendServices,
    ) -> None:
        self._settings = settings
        self._discovery = discovery
        self._client = client
        self._services = services

    def checks(self) -> Iterable[Check]:
        """Return what is asked, each by itself."""
        yield Check("discovery", self.discovery, offline=False)
        yield Check("keys", self.keys, offline=False)
        yield Check("clock", self.clock, offline=False)
        yield Check("client", self.client, offline=False)

    def discovery(self) -> None:
        """Fetch the discovery document, and see that it is this issuer's."""
        try:
            metadata = self._discovery.fetch()
        except WrongIssuerError as error:
            raise Trouble(f'{error}: set `issuer = "{error.found}"`, letter by letter') from None
        except ProviderAnswerError as error:
            raise Trouble(f"{error}: is this a provider of OpenID Connect?") from None
        except GatewayError as error:
            raise Trouble(f"{error}: {UNREACHABLE}") from None
        for page in (metadata.authorization_endpoint, metadata.end_session_endpoint):
            if page and not self._settings.is_page(page):
                raise Trouble(f"a page is not on the host of `issuer`: add its host to `page_urls` ({page})")

    def _metadata(self) -> Metadata:
        try:
            return self._discovery.metadata()
        except GatewayError:
            raise Trouble("there is no discovery document to say where that is: mend that first") from None

    def keys(self) -> None:
        """Fetch the keys, and see that one can verify."""
        url = self._metadata().jwks_uri
        try:
            answer = self._services.upstream.get(url, named_by=Party.OPERATOR)
            usable = answer.status == 200 and len(JwkSet.parse(answer.json()))
        except GatewayError as error:
            raise Trouble(f"the keys at {url} cannot be fetched: {error}; {UNREACHABLE}") from None
        except ValueError as error:
            raise Trouble(f"what is at {url} is {error}: let the provider publish its keys there") from None
        if not usable:
            raise Trouble(
                f"no key at {url} can verify a signature: let the provider sign with RS256 or ES256"
            )

    def clock(self) -> None:
        """Compare the provider's clock with ours."""
        try:
            answer = self._services.upstream.get(self._discovery.url, named_by=Party.OPERATOR)
        except GatewayError as error:
            raise Trouble(f"{error}: {UNREACHABLE}") from None
        try:
            theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return
        ahead = theirs - self._services.clock.now()
        if abs(ahead) > self._settings.clock_skew:
            where = "ahead of" if ahead > 0 else "behind"
            raise Trouble(
                f"the provider's clock is {abs(ahead):.0f} s {where} ours: set the clocks by NTP (or, for a "
                "while, raise `clock_skew`)"
            )

    def client(self) -> None:
        """Show a code that cannot be good: a provider that knows us says so, others do not get so far."""
        endpoint = self._metadata().token_endpoint
        try:
            self._client.exchange(endpoint, BOGUS_CODE, BOGUS_VERIFIER)
        except TokenRequestRefusedError as error:
            if error.reason in WHO_WE_ARE:
                raise Trouble(
                    f"the provider does not take us for the client ({error.reason}): compare `client_id`, "
                    "the secret or key, and `client_auth` with what is registered there"
                ) from None
        except GatewayError as error:
            raise Trouble(f"{error}: {UNREACHABLE}") from None
