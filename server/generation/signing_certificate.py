"""The certificate that Content Credentials are signed with, checked before anybody waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from server.errors import StartupError

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


class SigningCertificate(NamedTuple):
    """A certificate and its key, which belong together.

    Attributes:
        chain: PEM, the signer's own first.
        key: PEM, PKCS #8.
        algorithm: what it signs with, as C2PA names it.
        expires: when the first of the chain does.
    """

    chain: bytes
    key: bytes
    algorithm: str
    expires: datetime


def read_certificate(certificate: Path, key: Path) -> SigningCertificate:
    """What two PEM files hold.

    Raises:
        StartupError: they cannot be used; it says why.
    """
    chain = _chain(certificate)
    private = _private_key(key)
    kind = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if chain[0].public_key().public_bytes(*kind) != private.public_key().public_bytes(*kind):
        raise StartupError(
            f"{key}: expected the private key of the first certificate in {certificate}, got "
            f"another one"
        )
    return SigningCertificate(
        b"".join(link.public_bytes(Encoding.PEM) for link in chain),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        _algorithm(private, key),
        min(link.not_valid_after_utc for link in chain),
    )


def _chain(path: Path) -> Sequence[x509.Certificate]:
    try:
        chain = x509.load_pem_x509_certificates(_contents(path))
    except ValueError as error:
        raise StartupError(f"{path}: expected PEM certificates ({error})") from error
    now = datetime.now(UTC)
    for link in chain:
        name = link.subject.rfc4514_string()
        if now > link.not_valid_after_utc:
            raise StartupError(f"{path}: {name}: expired at {link.not_valid_after_utc}")
        if now < link.not_valid_before_utc:
            raise StartupError(f"{path}: {name}: not valid before {link.not_valid_before_utc}")
    for link, issuer in pairwise(chain):
        try:
            link.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise StartupError(
                f"{path}: expected a chain, each certificate signed by the next; "
                f"{link.subject.rfc4514_string()} is not by {issuer.subject.rfc4514_string()}"
            ) from error
    return chain


def _private_key(path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(_contents(path), password=None)
    except (ValueError, TypeError) as error:  # the latter where there is a password
        raise StartupError(f"{path}: expected a PEM private key, no password ({error})") from error


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    match key:
        case EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return _CURVES[key.curve.name]
        case RSAPrivateKey():
            return "ps256"
        case Ed25519PrivateKey():
            return "ed25519"
    raise StartupError(f"{path}: expected a key of P-256, P-384, P-521, Ed25519 or RSA")


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"{path}: cannot be read ({error.strerror})") from error
