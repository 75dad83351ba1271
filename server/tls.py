"""TLS for both listeners; renewed certificates are taken over without a restart."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from server.errors import StartupError

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class TlsFiles:
    """Where certificates lie.

    Attributes:
        certificate: PEM file of the server's certificate chain.
        key: PEM file of that certificate's private key.
        client_ca: PEM file of whose certificates clients must show; None: they need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def _paths(self) -> list[Path]:
        return [path for path in (self.certificate, self.key, self.client_ca) if path is not None]

    def stamp(self) -> tuple[int, ...]:
        """What changes when a file does."""
        return tuple(path.stat().st_mtime_ns for path in self._paths)

    def context(self) -> ssl.SSLContext:
        """What the files hold, for HTTP.

        Raises:
            StartupError: they cannot be read, or do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:  # ssl.SSLError is one
            names = ", ".join(map(str, self._paths))
            raise StartupError(
                f"TLS: expected PEM files that belong together in {names}: {error}"
            ) from error
        return context

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """What the files hold, for gRPC."""
        pair = self.key.read_bytes(), self.certificate.read_bytes()
        roots = None if self.client_ca is None else self.client_ca.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], roots)


class Tls:
    """The certificates in use.

    Attributes:
        context: for HTTP; hands every connection to the newest one.

    Args:
        files: where they lie.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files.

        Raises:
            StartupError: they cannot be used.
        """
        self._files = files
        self.context = files.context()
        self._newest_context = self.context
        # Asked at every handshake: a context can be added to, but forgets nothing.
        self.context.sni_callback = self._take_newest
        self._configuration = files.configuration()
        self._stamp = files.stamp()

    def credentials(self) -> grpc.ServerCredentials:
        """For gRPC, which asks again at every handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration, self._newest, self._files.client_ca is not None
        )

    def _take_newest(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, first: ssl.SSLContext
    ) -> None:
        connection.context = self._newest_context

    def _newest(self) -> grpc.ServerCertificateConfiguration | None:
        return self._configuration

    async def watch(self) -> None:
        """Take over what changes, until cancelled; what cannot be used changes nothing."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return
            self._newest_context = self._files.context()
            self._configuration = self._files.configuration()
        except (OSError, StartupError) as error:
            # Half of a renewal: the next look finds the rest.
            _log.warning("certificates changed but cannot be used: %s", error)
            return
        self._stamp = stamp
        _log.info("certificates renewed")
