"""How to reach a server: its address, TLS, and an API key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

DEFAULT_TARGET = "localhost:8081"
DEFAULT_TIMEOUT_SECONDS = 60.0
# A full answer of raw pictures is far over gRPC's default of 4 MiB.
CHANNEL_OPTIONS = (("grpc.max_receive_message_length", 256 * 1024 * 1024),)


@dataclass(frozen=True)
class Credentials:
    """What a server may want to see, and what it must show.

    Attributes:
        api_key: for servers that want one, or a JSON Web Token; without TLS whoever listens in
            reads it.
        tls: whether to talk TLS.
        ca: PEM file of the certificates to trust; None: the system's.
        certificate: PEM file of the certificate chain to show (mutual TLS).
        key: PEM file of that certificate's private key.
    """

    api_key: str = ""
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def channel(self) -> grpc.ChannelCredentials | None:
        """For a channel; None is plain text.

        Raises:
            OSError: a file cannot be read.
            ValueError: files without TLS.
        """
        files = (self.ca, self.key, self.certificate)
        if not self.tls:
            if any(files):
                raise ValueError("ca, certificate and key need tls=True")
            return None
        contents = (None if path is None else Path(path).read_bytes() for path in files)
        return grpc.ssl_channel_credentials(*contents)

    def call_options(self, timeout: float) -> dict[str, Any]:
        """What every call is made with."""
        metadata = (("authorization", f"Bearer {self.api_key}"),) if self.api_key else ()
        return {"timeout": timeout, "metadata": metadata}
