"""Inference requests and results as Triton's messages."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

from server.engines.base import InferenceRequest, InferenceResult, StageTiming
from server.engines.triton.tensors import datatype_of, from_raw, to_raw
from server.errors import InferenceFailed, InvalidArgument

_MICROSECONDS = 1_000_000
_GREATEST_INT64 = 2**63 - 1
_GREATEST_UINT64 = 2**64 - 1


def describe(request: InferenceRequest) -> ModelInferRequest:
    """Everything of a request but its inputs' contents.

    Raises:
        InvalidArgument: an input's data type or the priority is nothing that Triton knows.
    """
    message = ModelInferRequest(model_name=request.model, model_version=request.version)
    try:
        for name, array in request.inputs.items():
            datatype = datatype_of(f"{request.model}.{name}", array)
            message.inputs.add(name=name, datatype=datatype, shape=array.shape)
        for name in request.outputs:
            message.outputs.add(name=name)
    except UnicodeEncodeError as error:
        raise InvalidArgument("tensor name", "Unicode text", ascii(error.object)) from error
    if not 0 <= request.priority <= _GREATEST_UINT64:
        raise InvalidArgument("priority", "a level from 1 on, or 0", request.priority)
    if request.priority:
        message.parameters["priority"].uint64_param = request.priority
    # Whoever stops waiting at the deadline has no use for a place in the queue after it. Triton
    # lets it shorten the queue policy's own timeout only where the policy allows an override.
    limits = [value for value in (request.timeout, request.deadline.remaining) if value is not None]
    if limits:
        message.parameters["timeout"].int64_param = max(
            1, min(int(min(limits) * _MICROSECONDS), _GREATEST_INT64)
        )
    return message


def with_contents(request: InferenceRequest) -> ModelInferRequest:
    """A whole request, its inputs as raw bytes."""
    message = describe(request)
    message.raw_input_contents.extend(to_raw(array) for array in request.inputs.values())
    return message


def result_of(
    request: InferenceRequest,
    response: ModelInferResponse,
    raw_outputs: Sequence[bytes],
    started: float,
) -> InferenceResult:
    """The result that a response describes.

    Args:
        request: what was asked.
        response: what came.
        raw_outputs: the contents of each output, in the order of the response.
        started: when the request was sent, in `time.monotonic()` seconds.

    Raises:
        InferenceFailed: the contents do not fit their description.
    """
    if len(raw_outputs) != len(response.outputs):
        raise InferenceFailed(
            f"{request.model}: Triton described {len(response.outputs)} outputs and sent "
            f"{len(raw_outputs)}"
        )
    outputs = {
        item.name: from_raw(item.name, item.datatype, item.shape, raw)
        for item, raw in zip(response.outputs, raw_outputs, strict=True)
    }
    return InferenceResult(outputs, response.model_version, (stage_of(request, started),))


def stage_of(request: InferenceRequest, started: float) -> StageTiming:
    """All that can be known here of a request's way through Triton.

    One stage for the model, an ensemble's steps included: compute is the round trip, in which
    Triton's queue is contained, and the batch is the request's own rows. Triton's statistics tell
    queue and compute apart, but only summed up over all requests.
    """
    first = next(iter(request.inputs.values()), None)
    rows = len(first) if first is not None and first.ndim else 1
    seconds = time.monotonic() - started
    return StageTiming(request.model, 0.0, seconds, rows, began=started)
