"""The gRPC channel to one or several Tritons: addresses, balancing, keepalive, limits, TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from server.errors import StartupError

_UNLIMITED = -1
_OPTIONS: tuple[tuple[str, int | str], ...] = (
    # A picture's tensors are larger than gRPC's 4 MiB; Triton itself has no limit.
    ("grpc.max_send_message_length", _UNLIMITED),
    ("grpc.max_receive_message_length", _UNLIMITED),
    # A vanished machine answers nothing at all. Pings only while calls wait: Triton cuts
    # connections that ping without need.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A restarted Triton should be found again within seconds, not after gRPC's two minutes.
    ("grpc.max_reconnect_backoff_ms", 5_000),
    (
        "grpc.service_config",
        # No retryPolicy: it decides by code, and Triton answers UNAVAILABLE for a full queue, too.
        json.dumps({"loadBalancingConfig": [{"round_robin": {}}]}),
    ),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """How to talk TLS to Triton.

    Attributes:
        ca: PEM file of the certificates to trust; None is the system's.
        certificate: PEM file of the certificate chain to show (mutual TLS).
        key: PEM file of that certificate's private key.
        server_name: the name in Triton's certificate; empty is the URL's host.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        """What the files hold.

        Raises:
            StartupError: one cannot be read.
        """
        return grpc.ssl_channel_credentials(
            *(_contents(path) for path in (self.ca, self.key, self.certificate))
        )


def _contents(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"{path}: expected a PEM file, cannot read it ({error.strerror})") from (
            error
        )


async def open_channel(urls: Sequence[str], tls: Tls | None) -> grpc.aio.Channel:
    """A channel that takes turns between the endpoints that are up.

    Args:
        urls: each `host:port`. A name that stands alone is resolved by gRPC, again and again, to
            all its addresses; names in a list are resolved once, now.
        tls: None is plain text.

    Raises:
        StartupError: a name cannot be resolved, or a TLS file cannot be read.
    """
    target = f"dns:///{urls[0]}" if len(urls) == 1 else await _address_list(urls)
    options = list(_OPTIONS)
    if tls is None:
        return grpc.aio.insecure_channel(target, options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(target, tls.credentials(), options)


async def _address_list(urls: Sequence[str]) -> str:
    """All addresses in one of gRPC's list targets, which each hold one family."""
    loop = asyncio.get_running_loop()
    found: list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]] = []
    for url in urls:
        host, port = url.rsplit(":", 1)
        try:
            infos = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise StartupError(
                f"--triton-url {url}: cannot resolve {host!r} ({error.strerror}); check the name"
            ) from error
        found.extend((ipaddress.ip_address(info[4][0]), int(port)) for info in infos)
    four = [f"{ip}:{port}" for ip, port in found if ip.version == 4]
    if len(four) == len(found):
        return f"ipv4:{','.join(four)}"
    mapped = [f"[::ffff:{ip}]" if ip.version == 4 else f"[{ip}]" for ip, _ in found]
    return "ipv6:" + ",".join(f"{ip}:{port}" for ip, (_, port) in zip(mapped, found, strict=True))


def may_be_several(urls: Sequence[str]) -> bool:
    """Whether there may be another endpoint to turn to; a name can have many addresses."""
    return len(urls) > 1 or not _is_address(urls[0].rsplit(":", 1)[0].strip("[]"))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
