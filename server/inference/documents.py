"""HTTP's inference requests and answers: a JSON document, and tensors as bytes behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from server.engines.base import Deadline, InferenceRequest, InferenceResult
from server.errors import InvalidArgument
from server.inference.memory import Share
from server.inference.parameters import (
    Parameters,
    flag,
    placement,
    queue_timeout,
    refuse_classification,
    whole,
)
from server.inference.regions import Placement, Regions
from server.inference.service import Inference
from server.inference.tensors import datatype_of, from_numbers, from_raw, shown, to_numbers


@dataclass(frozen=True, slots=True)
class DocumentInference:
    """A decoded request and how its answer shall look.

    Attributes:
        inference: the request.
        binary: for each output whether it travels as bytes.
        binary_default: the same for outputs that are not in `binary`.
    """

    inference: Inference
    binary: Mapping[str, bool]
    binary_default: bool


class DocumentDecoder:
    """Reads one request.

    Args:
        document: the parsed JSON.
        binary: the bytes behind it.
        regions: the clients' shared memory.
        share: what the request holds.
    """

    def __init__(self, document: Any, binary: bytes, regions: Regions, share: Share) -> None:
        """Read nothing yet."""
        self._document = _mapping(document, "request")
        self._binary = binary
        self._used = 0
        self._regions = regions
        self._share = share

    def decode(self, model: str, version: str) -> DocumentInference:
        """Check the request for one version of a model and take its tensors out.

        Raises:
            ImpastoError: something about it is wrong, or there is no memory left.
        """
        parameters = _parameters(self._document)
        binary: dict[str, bool] = {}
        placements: dict[str, Placement] = {}
        default = flag(parameters, "binary_data_output")
        for output in _list(self._document, "outputs"):
            self._output(output, default, binary, placements)
        request = InferenceRequest(
            model,
            self._inputs(),
            version,
            list(binary),
            whole(parameters, "priority"),
            queue_timeout(parameters),
            # HTTP carries no deadline; who stops waiting closes the connection.
            Deadline(),
        )
        identity = _text(self._document, "id", "request", "")
        return DocumentInference(Inference(request, identity, placements), binary, default)

    def _output(
        self, output: Any, default: bool, binary: dict[str, bool], placements: dict[str, Placement]
    ) -> None:
        output = _mapping(output, "outputs entry")
        name, parameters = _text(output, "name", "output"), _parameters(output)
        refuse_classification(name, parameters)
        binary[name] = flag(parameters, "binary_data", default)
        if place := placement(parameters, self._regions):
            placements[name] = place

    def _inputs(self) -> dict[str, np.ndarray]:
        inputs: dict[str, np.ndarray] = {}
        for item in _list(self._document, "inputs"):
            tensor = _mapping(item, "inputs entry")
            name = _text(tensor, "name", "input")
            if name in inputs:
                raise InvalidArgument("inputs", "each name once", name)
            inputs[name] = self._input(name, tensor)
        if left := len(self._binary) - self._used:
            raise InvalidArgument("binary data", "no more than the inputs name", f"{left} bytes")
        return inputs

    def _input(self, name: str, tensor: Mapping[str, Any]) -> np.ndarray:
        datatype, shape = _text(tensor, "datatype", f"input {shown(name)}"), _shape(name, tensor)
        parameters = _parameters(tensor)
        place = placement(parameters, self._regions)
        sources = ("data" in tensor) + ("binary_data_size" in parameters) + (place is not None)
        if sources != 1:
            raise InvalidArgument(
                f"input {shown(name)}", "one of data, binary_data_size, shared memory", sources
            )
        if place is not None:
            self._share.take(place.byte_size)
            return from_raw(name, datatype, shape, place.read())
        if "data" in tensor:
            return from_numbers(name, datatype, shape, tensor["data"])
        return from_raw(name, datatype, shape, self._bytes(name, parameters))

    def _bytes(self, name: str, parameters: Parameters) -> bytes:
        size = whole(parameters, "binary_data_size")
        left = len(self._binary) - self._used
        if size > left:
            raise InvalidArgument(f"input {shown(name)} binary_data_size", f"at most {left}", size)
        begin, self._used = self._used, self._used + size
        # A copy begins at an address that suits any element type; the middle of a body may not.
        return self._binary[begin : self._used]


def encode(wanted: DocumentInference, result: InferenceResult) -> tuple[dict[str, Any], bytes]:
    """The answer's document and the bytes behind it.

    Raises:
        ImpastoError: an output is unknown, cannot be JSON, or does not fit its shared memory.
    """
    inference = wanted.inference
    outputs: list[dict[str, Any]] = []
    binaries: list[bytes] = []
    for name, array in inference.wanted(result).items():
        output: dict[str, Any] = {
            "name": name,
            "datatype": datatype_of(array.dtype),
            "shape": list(array.shape),
        }
        if place := inference.placements.get(name):
            place.write(name, array)
        elif wanted.binary.get(name, wanted.binary_default):
            binaries.append(array.tobytes())
            output["parameters"] = {"binary_data_size": array.nbytes}
        else:
            output["data"] = to_numbers(name, array)
        outputs.append(output)
    document: dict[str, Any] = {
        "model_name": inference.request.model,
        "model_version": result.version,
    }
    if inference.id:
        document["id"] = inference.id
    return document | {"outputs": outputs}, b"".join(binaries)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidArgument(what, "a JSON object", type(value).__name__)
    return value


def _parameters(document: Mapping[str, Any]) -> Parameters:
    return _mapping(document.get("parameters", {}), "parameters")


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key, [])
    if not isinstance(value, list):
        raise InvalidArgument(key, "a JSON array", type(value).__name__)
    return value


def _text(document: Mapping[str, Any], key: str, what: str, default: str | None = None) -> str:
    value = document.get(key, default)
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} {key}", "a text", value)
    return value


def _shape(name: str, tensor: Mapping[str, Any]) -> tuple[int, ...]:
    shape = _list(tensor, "shape")
    if "shape" not in tensor or not all(type(size) is int for size in shape):
        raise InvalidArgument(f"input {shown(name)} shape", "whole numbers", shape)
    return tuple(shape)
