"""Self-signed certificates of our keys, for receivers that take keys in no other form."""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
# RFC 5280 §4.1.2.5: "no well-defined expiration date". When a key ends is the key ring's business.
END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
SERIAL_BYTES = 16


def self_signed(private: RSAPrivateKey, kid: str) -> bytes:
    """Return the X.509 certificate of an RSA key in PEM; the same one every time (RSASSA-PKCS1-v1_5)."""
    digest = hashlib.sha256(kid.encode()).digest()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, digest.hex())])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(int.from_bytes(digest[:SERIAL_BYTES], "big") | 1)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
    )
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
