"""What can be tested: each target makes one kind of call, and says how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadtest.targets.base import Connection, Target


def make_target(kind: str, connection: Connection, requests: Sequence[dict[str, Any]]) -> Target:
    """A target for calls of these requests; it is connected by `async with`.

    Its libraries are imported only now: who tests over gRPC needs no HTTP client.

    Args:
        kind: "impasto", "oip" or "rest".
        connection: how to reach it.
        requests: one of each entry of the workload, checked.
    """
    if kind == "impasto":
        from loadtest.targets.impasto import ImpastoTarget  # noqa: PLC0415

        return ImpastoTarget(connection, requests)
    if kind == "rest":
        from loadtest.targets.rest import RestTarget  # noqa: PLC0415

        return RestTarget(connection, requests)
    if connection.is_http:
        from loadtest.targets.oip_http import OipHttpTarget  # noqa: PLC0415

        return OipHttpTarget(connection, requests)
    from loadtest.targets.oip_grpc import OipGrpcTarget  # noqa: PLC0415

    return OipGrpcTarget(connection, requests)
