"""What every part of an instance shares: settings, clients, tables, signers, and its own addresses."""

import base64
import hashlib
from functools import cached_property, lru_cache

from issuer.identity import Identity
from issuer.module import Gateway
from issuer.rules import Compiler, Expression, Scope
from issuer.signing import RingSigner
from issuer.store import Session
from issuer.store.database import digest
from modules.oidc.clients.client import Registry
from modules.oidc.settings import ALGORITHMS, OidcSettings
from modules.oidc.store.clients import StoredClients
from modules.oidc.store.consents import Consents
from modules.oidc.store.devices import Devices
from modules.oidc.store.grants import Grants
from modules.oidc.store.once import Once, RevokedTokens
from modules.oidc.store.pushed import PushedRequests

KEY_USE = "oidc"
SECRET_BYTES = 32
ID_BYTES = 16


class Provider:
    """One OpenID Provider."""

    def __init__(self, settings: OidcSettings, gateway: Gateway) -> None:
        """Compile what the clients of the configuration have.

        Raises:
            ExceptionGroup: of RuleError, rules and expressions that do not compile.
        """
        self.settings = settings
        self.gateway = gateway
        self.instance = gateway.instance
        self.clock = gateway.clock
        database = gateway.store.database
        self.stored = StoredClients(database, self.clock, self.instance)
        self.registry = Registry(settings, gateway, self.stored)
        self.grants = Grants(database, self.clock)
        self.consents = Consents(database, self.clock, self.instance)
        self.once = Once(database)
        self.pushed = PushedRequests(database, self.clock)
        self.devices = Devices(database, self.clock, self.instance)
        self.revoked = RevokedTokens(database)
        compiler = Compiler(f"modules.{self.instance}", gateway.macros)
        self._subject = compiler.expression("subject", settings.subject) if settings.subject else None
        self.claims = _standard_claims(settings, compiler)
        compiler.finish()
        self._signers = {
            (algorithm, typ): RingSigner(gateway.keys, KEY_USE, algorithm, typ)
            for algorithm in ALGORITHMS
            for typ in ("JWT", "at+jwt", "logout+jwt")
        }

    @cached_property
    def issuer(self) -> str:
        """Return the issuer identifier (OIDC Core §2): the public URL and the path, without a final slash."""
        return self.gateway.settings.public_url.rstrip("/") + self.settings.path

    def url(self, path: str) -> str:
        """Return the address of a route, as in `/token`."""
        return self.issuer + path

    def signer(self, algorithm: str, typ: str = "JWT") -> RingSigner:
        """Return the signer of an algorithm, for tokens of a type (RFC 7515 §4.1.9)."""
        return self._signers[algorithm, typ]

    def new_secret(self) -> str:
        """Return 256 random bits as text: a code, a refresh token, a client's secret."""
        return _text(self.gateway.randomness.bytes(SECRET_BYTES))

    def new_id(self) -> str:
        """Return an identifier that is no secret."""
        return _text(self.gateway.randomness.bytes(ID_BYTES))

    def hash_of(self, secret: str) -> bytes:
        """Return what the tables know of a code or a token of this instance."""
        return digest(f"{self.instance} {secret}")

    def is_stored(self, client_id: str) -> bool:
        """Tell whether a client can only be one that was added by command."""
        return client_id not in self.settings.clients

    def remove_client(self, client_id: str) -> int | None:
        """Remove an added client with its grants; return how many held, None when there is no such client."""
        with self.gateway.store.database.write():
            if not self.stored.remove(client_id):
                return None
            return self.grants.revoke_of_client(self.instance, client_id)

    def sid(self, session: Session) -> str:
        """Return the name that clients know a portal session by (OIDC Back-Channel Logout §2.1)."""
        return digest(f"sid {self.instance} {session.id_hash.hex()}").hex()[:32]

    def subject(self, identity: Identity) -> str:
        """Return a person's `sub` (OIDC Core §8): by the expression, or a hash of the person's key."""
        if self._subject and (given := self._subject.text_value(Scope(identity, {}, self.clock.now()))):
            return given[:255]
        return _hashed(identity.backend, identity.subject)


@lru_cache(maxsize=4096)
def _hashed(backend: str, subject: str) -> str:
    key = f"{backend}\0{subject}".encode("utf-8", "surrogatepass")
    return _text(hashlib.sha256(key).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _standard_claims(settings: OidcSettings, compiler: Compiler) -> dict[str, Expression]:
    section = settings.claims
    return {
        name: compiler.expression(f"claims.{name}", text)
        for name in type(section).model_fields
        if (text := getattr(section, name))
    }
