"""Requests of a stream that is given up end, too, and are counted by what ended them."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from tritonclient.grpc import service_pb2 as pb

from server.access.access import Access
from server.calls import Calls
from server.grpc.calls import Context
from server.grpc.inference_stream import InferenceStream
from server.inference.service import InferenceService
from server.telemetry.metrics import Metrics


class _Context:
    """What the stream asks of gRPC's context."""

    def __init__(self, remaining: float) -> None:
        self._remaining = remaining

    def time_remaining(self) -> float:
        return self._remaining

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()


@pytest.mark.parametrize(
    ("remaining", "code", "reason"),
    [(60.0, "CANCELLED", "cancelled"), (0.0, "DEADLINE_EXCEEDED", "deadline")],
)
async def test_a_request_that_never_began_ends(remaining: float, code: str, reason: str) -> None:
    metrics = Metrics()
    calls = Calls(metrics, Access(None, None, None))
    calls.open()

    async def requests() -> AsyncIterator[pb.ModelInferRequest]:
        # Wakes the stream before the answer of the request that comes now takes its first step.
        running.cancel()
        yield pb.ModelInferRequest(model_name="landscapes")
        await asyncio.Event().wait()

    context = cast(Context, _Context(remaining))
    # Nothing gets as far as the core.
    stream = InferenceStream(cast(InferenceService, None), calls, requests(), context)
    running = asyncio.create_task(stream.run())
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(calls.delivered(), 1)
    await asyncio.sleep(0)
    assert metrics.registry is not None
    shown = metrics.registry.get_sample_value
    assert shown("impasto_calls_total") == 1
    ended = {"method": "ModelStreamInfer", "model": "", "code": code}
    assert shown("impasto_request_seconds_count", ended) == 1
    rejected = {"method": "ModelStreamInfer", "reason": reason}
    assert shown("impasto_rejections_total", rejected) == 1
