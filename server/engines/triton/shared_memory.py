"""Tensors that travel through system shared memory, for a Triton on the same host."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

import numpy as np
from tritonclient.grpc import service_pb2
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig
from tritonclient.grpc.service_pb2 import ModelInferRequest

from server.engines.base import NEVER, Deadline, InferenceRequest, InferenceResult
from server.engines.triton import messages
from server.engines.triton.calls import Calls
from server.engines.triton.regions import Region, RegionPool
from server.engines.triton.tensors import STRINGS, size_of, to_raw
from server.errors import DeadlineExceeded, ImpastoError, Unavailable

_log = logging.getLogger(__name__)
_ALIGNMENT = 64
_CONTROL_SECONDS = 10.0
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class _Layout:
    """Where tensors lie in a region: offset and size in bytes by name; inputs come first."""

    inputs: dict[str, tuple[int, int]]
    outputs: dict[str, tuple[int, int]]
    size: int


class SharedMemory:
    """Runs requests whose tensors lie in regions.

    A region is free again when Triton has answered, not when the caller has gone: Triton finishes
    what it began, and would write into the next request's tensors. So a cancelled or late call goes
    on at Triton without its caller.

    Args:
        call: calls Triton.
    """

    def __init__(self, call: Calls) -> None:
        self._call = call
        self._pool = RegionPool(call)
        self._configs: dict[tuple[str, str], ModelConfig] = {}
        self._running: set[asyncio.Task[InferenceResult | None]] = set()
        self._refused = False

    async def infer(self, request: InferenceRequest) -> InferenceResult | None:
        """Run a request; None where it should travel as bytes instead."""
        if self._refused:
            return None
        raw = {name: to_raw(array) for name, array in request.inputs.items()}
        layout = _layout(raw, _output_sizes(await self._config(request), request))
        try:
            region = await self._pool.take(layout.size)
        except (Unavailable, DeadlineExceeded):
            # Triton is away for a while; gRPC finds out for how long.
            return None
        except (ImpastoError, OSError) as error:
            self._refused = True
            _log.warning("no shared memory with Triton, tensors travel over gRPC: %s", error)
            return None
        if region is None:
            return None
        task = asyncio.create_task(self._exchange(request, raw, layout, region))
        self._running.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=request.deadline.remaining)
        if not task.done():
            raise DeadlineExceeded(f"{request.model}: the deadline passed before Triton answered")
        return task.result()

    async def close(self) -> None:
        """Wait, up to 5 s, for what runs, then take all regions down."""
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSE_SECONDS)
        await self._pool.close()

    async def _exchange(
        self, request: InferenceRequest, raw: dict[str, bytes], layout: _Layout, region: Region
    ) -> InferenceResult | None:
        try:
            result = await self._run(request, raw, layout, region)
        except ImpastoError as error:
            if isinstance(error, Unavailable) or "shared memory" in str(error):
                # Triton was started anew and knows no region, or makes larger outputs than before.
                self._configs.clear()
                await self._pool.discard(region)
            else:
                self._pool.give_back(region)
            if "shared memory" not in str(error):
                raise
            return None
        except BaseException:
            await self._pool.discard(region)
            raise
        self._pool.give_back(region)
        return result

    async def _run(
        self, request: InferenceRequest, raw: dict[str, bytes], layout: _Layout, region: Region
    ) -> InferenceResult:
        started = time.monotonic()
        for name, (offset, size) in layout.inputs.items():
            region.view[offset : offset + size] = raw[name]
        message = _message(request, layout, region)
        # No deadline: see the class. The queue knows it, as the request's `timeout`. And only once:
        # a first attempt that was lost may still be running, and would write when it ends.
        response = await self._call.once(self._call.stub.ModelInfer, message, request.model, NEVER)
        raw_outputs = list(response.raw_output_contents)
        for index, item in enumerate(response.outputs):
            if item.name in layout.outputs:
                offset, _ = layout.outputs[item.name]
                end = offset + size_of(item.datatype, item.shape)
                raw_outputs[index] = bytes(region.view[offset:end])
        return messages.result_of(request, response, raw_outputs, started)

    async def _config(self, request: InferenceRequest) -> ModelConfig:
        """The model's configuration; an outdated one costs a repetition."""
        key = request.model, request.version
        if key not in self._configs:
            message = service_pb2.ModelConfigRequest(name=request.model, version=request.version)
            until = Deadline.after(_CONTROL_SECONDS)
            answer = await self._call(self._call.stub.ModelConfig, message, request.model, until)
            self._configs[key] = answer.config
        return self._configs[key]

    def _ended(self, task: asyncio.Task[InferenceResult | None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Nobody else may be there to take note of it.
            task.exception()


def _output_sizes(config: ModelConfig, request: InferenceRequest) -> dict[str, int]:
    """Bytes of each wanted output; empty where one has no fixed size."""
    first = next(iter(request.inputs.values()), np.empty(0))
    rows = len(first) if config.max_batch_size > 0 and first.ndim else 1
    sizes: dict[str, int] = {}
    for item in config.output:
        datatype = DataType.Name(item.data_type).removeprefix("TYPE_")
        if request.outputs and item.name not in request.outputs:
            continue
        if datatype in (STRINGS, "STRING") or min(item.dims) < 0:
            return {}
        sizes[item.name] = size_of(datatype, (rows, *item.dims))
    return sizes


def _layout(raw: dict[str, bytes], output_sizes: dict[str, int]) -> _Layout:
    places: list[tuple[int, int]] = []
    end = 0
    for size in (*map(len, raw.values()), *output_sizes.values()):
        places.append((end, size))
        end += -(-size // _ALIGNMENT) * _ALIGNMENT
    inputs = dict(zip(raw, places, strict=False))
    outputs = dict(zip(output_sizes, places[len(raw) :], strict=True))
    return _Layout(inputs, outputs, max(1, end))


def _message(request: InferenceRequest, layout: _Layout, region: Region) -> ModelInferRequest:
    message = messages.describe(request)
    for item in message.inputs:
        _place(item, region, layout.inputs[item.name])
    if layout.outputs:
        del message.outputs[:]
        for name, place in layout.outputs.items():
            _place(message.outputs.add(name=name), region, place)
    return message


def _place(
    item: ModelInferRequest.InferInputTensor | ModelInferRequest.InferRequestedOutputTensor,
    region: Region,
    place: tuple[int, int],
) -> None:
    offset, size = place
    item.parameters["shared_memory_region"].string_param = region.name
    item.parameters["shared_memory_offset"].int64_param = offset
    item.parameters["shared_memory_byte_size"].int64_param = size
