"""The key ring: signing keys in a directory, each with a state and a use.

Owns the key files, their states (`next`, `active`, `retired`), the look-up of keys for signing and
publishing, and what the `issuer keys` commands do. Leaves to others: signing
itself (`issuer.signing`), and the routes that publish keys (the modules and the application).

One file per key, `<sha256 of kid>.json`, holds everything about it, so that a change of state is one atomic
rename. `removed/<sha256 of kid>` remembers the kids of keys that are gone. See docs/keys.md.
"""

from issuer.keys.admin import FixedKid, Rotation, export, generate, import_key, list_keys, retire, rotate
from issuer.keys.files import KeyFile
from issuer.keys.model import RETENTION_MARGIN, KeyRingError, KeyState, PrivateKey, PublicKey, SigningKey
from issuer.keys.ring import KeyRing

__all__ = [
    "RETENTION_MARGIN",
    "FixedKid",
    "KeyFile",
    "KeyRing",
    "KeyRingError",
    "KeyState",
    "PrivateKey",
    "PublicKey",
    "Rotation",
    "SigningKey",
    "export",
    "generate",
    "import_key",
    "list_keys",
    "retire",
    "rotate",
]
