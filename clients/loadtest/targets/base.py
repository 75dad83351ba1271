"""What all targets have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from impasto.connection import Credentials
from pydantic import BaseModel, ConfigDict

from loadtest.codes import OK


def without_credentials(text: str) -> str:
    """A URL as others may read it: without the user's name and password."""
    return re.sub(r"(https?://)[^/@\s]*@", r"\1...@", text)


class Connection(BaseModel):
    """How to reach a server.

    Attributes:
        address: `host:port`, or a URL.
        timeout: seconds that one call may take.
        connections: gRPC connections of one process; HTTP has one for each outstanding call.
        api_key: or a token; empty: none.
        tls: whether to talk TLS over gRPC; a URL says it itself.
        ca: PEM file of the certificates to trust; None: the system's.
        certificate: PEM file of the certificate chain to show.
        key: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    timeout: float
    connections: int = 1
    api_key: str = ""
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_http(self) -> bool:
        """Whether the address is a URL."""
        return self.address.startswith(("http://", "https://"))

    @property
    def credentials(self) -> Credentials:
        """As the client library takes them."""
        return Credentials(self.api_key, self.tls, self.ca, self.certificate, self.key)


class Answer(NamedTuple):
    """How a call ended.

    Attributes:
        code: of `codes.CODES`.
        pictures: that came.
        wait: seconds after which a refused call may be made again, where the server said so.
        details: what the server said of a call that did not end well.
    """

    code: str
    pictures: int = 0
    wait: float = 0.0
    details: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it ended well."""
        return self.code == OK


@dataclass(frozen=True)
class StageCount:
    """What a server counted of one stage.

    Attributes:
        count: how often.
        seconds: in all.
        buckets: how often it took at most so many seconds; empty where the server does not tell.
    """

    count: float
    seconds: float
    buckets: dict[float, float]


class Statistics(NamedTuple):
    """What a server counted since it started.

    Attributes:
        calls: by gRPC code.
        stages: by stage and model.
    """

    calls: dict[str, float]
    stages: dict[tuple[str, str], StageCount]


class Target(Protocol):
    """A server, and calls of the workload's requests."""

    async def __aenter__(self) -> Self:
        """Connect, and look up what the requests need to know.

        Raises:
            LoadTestError: the server cannot be reached or has no such model.
        """
        ...

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        ...

    async def server(self) -> str:
        """The server's name and version; empty where it does not tell."""
        ...

    async def call(self, entry: int, seed: int) -> Answer:
        """Make one call. Whatever becomes of it is in the answer; it does not raise.

        Args:
            entry: which request.
            seed: of its pictures, where it has any and the request does not fix it.
        """
        ...

    async def statistics(self) -> Statistics | None:
        """What the server counted, where its own protocol tells; None where it does not."""
        ...
