"""`ModelInfer` messages to requests, and results to messages: the hot path."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from tritonclient.grpc.service_pb2 import (
    InferParameter,
    ModelInferRequest,
    ModelInferResponse,
    ModelRepositoryParameter,
)

from server.engines.base import Deadline, InferenceRequest, InferenceResult
from server.errors import InvalidArgument
from server.inference.memory import REQUEST_BYTES, Share
from server.inference.parameters import (
    NONE,
    Parameters,
    placement,
    queue_timeout,
    refuse_classification,
    whole,
)
from server.inference.regions import Placement, Regions
from server.inference.service import Inference
from server.inference.tensors import datatype_of, dtype_of, from_numbers, from_raw, shown

_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}


def decode(
    message: ModelInferRequest, deadline: Deadline, regions: Regions, share: Share
) -> Inference:
    """Check a request and take its tensors out.

    Raises:
        ImpastoError: something about it is wrong, or `share` has no memory left.
    """
    parameters = NONE
    if message.parameters:
        share.take(message.ByteSize())
        parameters = to_dict(message.parameters)
    outputs = message.outputs
    request = InferenceRequest(
        message.model_name,
        _inputs(message, regions, share),
        message.model_version,
        [output.name for output in outputs] if outputs else (),
        whole(parameters, "priority") if parameters else 0,
        queue_timeout(parameters) if parameters else None,
        deadline,
    )
    return Inference(request, message.id, _placements(message, regions) if outputs else {})


def encode(inference: Inference, result: InferenceResult) -> ModelInferResponse:
    """The answer, with outputs as raw bytes.

    Raises:
        ImpastoError: an output is unknown, or does not fit into its shared memory.
    """
    outputs = inference.wanted(result)
    response = ModelInferResponse()
    shapes = tuple([(name, array.dtype, array.shape) for name, array in outputs.items()])
    response.CopyFrom(_frame(inference.request.model, result.version, shapes))
    response.id = inference.id
    raw, placements = response.raw_output_contents, inference.placements
    for name, array in outputs.items():
        if placements and name in placements:
            placements[name].write(name, array)
            # Clients find an output's bytes by its place, so that must be kept.
            raw.append(b"")
        else:
            raw.append(array.tobytes())
    return response


@functools.lru_cache(maxsize=1024)
def _frame(
    model: str, version: str, shapes: tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]
) -> ModelInferResponse:
    """An answer without id and contents; to be copied. Remembered, since answers are much alike."""
    response = ModelInferResponse(model_name=model, model_version=version)
    for name, dtype, shape in shapes:
        response.outputs.add(name=name, datatype=datatype_of(dtype), shape=shape)
    return response


def to_dict(parameters: Mapping[str, InferParameter | ModelRepositoryParameter]) -> Parameters:
    """Parameters as plain values."""
    plain: dict[str, Any] = {}
    for key, value in parameters.items():
        kind = value.WhichOneof("parameter_choice")
        plain[key] = getattr(value, kind) if kind else None
    return plain


def _inputs(message: ModelInferRequest, regions: Regions, share: Share) -> dict[str, np.ndarray]:
    raw = message.raw_input_contents
    count, used, size = len(raw), 0, REQUEST_BYTES
    inputs: dict[str, np.ndarray] = {}
    for tensor in message.inputs:
        name, data = tensor.name, None
        if tensor.parameters and (place := placement(to_dict(tensor.parameters), regions)):
            share.take(place.byte_size)
            data = place.read()
        elif used < count:
            data = raw[used]
            used += 1
            size += len(data)
        if data is None:
            inputs[name] = _typed(tensor, bool(count))
            size += tensor.ByteSize() + inputs[name].nbytes
        elif tensor.HasField("contents"):
            raise InvalidArgument(
                f"input {shown(name)}", "typed contents, raw contents or shared memory", "two"
            )
        else:
            inputs[name] = from_raw(name, tensor.datatype, tuple(tensor.shape[:]), data)
    share.take(size)
    if used != count:
        raise InvalidArgument("raw_input_contents", f"{used} entries", count)
    if len(inputs) != len(message.inputs):
        raise InvalidArgument("inputs", "each name once", [item.name for item in message.inputs])
    return inputs


def _typed(tensor: ModelInferRequest.InferInputTensor, has_raw: bool) -> np.ndarray:
    name, contents = tensor.name, tensor.contents
    if has_raw:
        raise InvalidArgument("raw_input_contents", "an entry for every input", shown(name))
    dtype_of(name, tensor.datatype)
    wanted = _CONTENTS.get(tensor.datatype, "raw_input_contents")
    filled = [field.name for field, _ in contents.ListFields()]
    if filled and filled != [wanted]:
        raise InvalidArgument(f"input {shown(name)} of {tensor.datatype}", wanted, filled)
    numbers = list(getattr(contents, wanted, ()))
    return from_numbers(name, tensor.datatype, tuple(tensor.shape), numbers)


def _placements(message: ModelInferRequest, regions: Regions) -> dict[str, Placement]:
    placements: dict[str, Placement] = {}
    for output in message.outputs:
        if output.parameters:
            parameters = to_dict(output.parameters)
            refuse_classification(output.name, parameters)
            if place := placement(parameters, regions):
                placements[output.name] = place
    return placements
