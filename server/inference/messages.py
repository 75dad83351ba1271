"""`ModelInfer` messages to requests, and results to messages: the hot path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tritonclient.grpc.service_pb2 import InferParameter, ModelInferRequest, ModelInferResponse

from server.engines.base import Deadline, InferenceRequest, InferenceResult
from server.errors import InvalidArgument
from server.inference.memory import Share
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
    share.take(message.ByteSize())
    parameters = to_dict(message.parameters) if message.parameters else NONE
    request = InferenceRequest(
        message.model_name,
        _inputs(message, regions, share),
        message.model_version,
        [output.name for output in message.outputs],
        whole(parameters, "priority") if parameters else 0,
        queue_timeout(parameters) if parameters else None,
        deadline,
    )
    return Inference(request, message.id, _placements(message, regions))


def encode(inference: Inference, result: InferenceResult) -> ModelInferResponse:
    """The answer, with outputs as raw bytes.

    Raises:
        ImpastoError: an output is unknown, or does not fit into its shared memory.
    """
    response = ModelInferResponse(
        model_name=inference.request.model, model_version=result.version, id=inference.id
    )
    outputs, raw = response.outputs, response.raw_output_contents
    for name, array in inference.wanted(result):
        outputs.add(name=name, datatype=datatype_of(array), shape=array.shape)
        if name in inference.placements:
            inference.placements[name].write(name, array)
            # Clients find an output's bytes by its place, so that must be kept.
            raw.append(b"")
        else:
            raw.append(array.tobytes())
    return response


def to_dict(parameters: Mapping[str, InferParameter]) -> Parameters:
    """Parameters as plain values."""
    plain: dict[str, Any] = {}
    for key, value in parameters.items():
        kind = value.WhichOneof("parameter_choice")
        plain[key] = getattr(value, kind) if kind else None
    return plain


def _inputs(message: ModelInferRequest, regions: Regions, share: Share) -> dict[str, np.ndarray]:
    raw = message.raw_input_contents
    count, used = len(raw), 0
    inputs: dict[str, np.ndarray] = {}
    for tensor in message.inputs:
        name, data = tensor.name, None
        if tensor.parameters and (place := placement(to_dict(tensor.parameters), regions)):
            share.take(place.byte_size)
            data = place.read()
        elif used < count:
            data = raw[used]
            used += 1
        if data is None:
            inputs[name] = _typed(tensor, bool(count))
        elif tensor.HasField("contents"):
            raise InvalidArgument(
                f"input {shown(name)}", "typed contents, raw contents or shared memory", "two"
            )
        else:
            inputs[name] = from_raw(name, tensor.datatype, tuple(tensor.shape), data)
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
