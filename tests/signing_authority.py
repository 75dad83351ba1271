"""An authority whose certificates may sign Content Credentials, which trustme's may not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class SigningAuthority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder, self._name = folder, _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._build(self._name, self._key, timedelta(days=9), is_ca=True)
        self.pem = self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        name: str,
        valid: timedelta = timedelta(days=3),
        usage: ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ) -> tuple[Path, Path]:
        """The files of a chain and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._build(_named(name), key, valid, usage=usage)
        chain, private = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        chain.write_bytes(made.public_bytes(Encoding.PEM) + self.pem)
        private.write_bytes(pem_of(key))
        return chain, private

    def own(self) -> tuple[Path, Path]:
        """The files of the authority itself, which signs nothing but certificates."""
        chain, private = self._folder / "own.pem", self._folder / "own-key.pem"
        chain.write_bytes(self.pem)
        private.write_bytes(pem_of(self._key))
        return chain, private

    def _build(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        valid: timedelta,
        usage: ObjectIdentifier | None = None,
        is_ca: bool = False,
    ) -> x509.Certificate:
        granted = {"key_cert_sign", "crl_sign"} if is_ca else {"digital_signature"}
        begins = datetime.now(UTC) - timedelta(days=5)
        builder = (
            x509.CertificateBuilder(self._name, name, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(datetime.now(UTC) + valid)
            .add_extension(x509.BasicConstraints(is_ca, None), True)
            .add_extension(x509.KeyUsage(*(use in granted for use in _USAGES)), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        return builder.sign(self._key, SHA256())


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _named(name: str) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, "Impasto's tests"), (NameOID.COMMON_NAME, name)]
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])
