"""The parameters that requests and tensors carry: those with a meaning here, the rest ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.errors import InvalidArgument, NotSupported
from server.inference.regions import Placement, Regions
from server.inference.tensors import shown

Parameters = Mapping[str, Any]
NONE: Parameters = {}
_MICROSECONDS = 1_000_000
_MAX = 2**63 - 1


def whole(parameters: Parameters, key: str) -> int:
    """A number from 0 on; 0 where it is not given.

    Raises:
        InvalidArgument: it is none.
    """
    value = parameters.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX:
        raise InvalidArgument(f"parameter {key}", "a whole number from 0 on", value)
    return value


def flag(parameters: Parameters, key: str, default: bool = False) -> bool:
    """True or false.

    Raises:
        InvalidArgument: it is neither.
    """
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise InvalidArgument(f"parameter {key}", "true or false", value)
    return value


def queue_timeout(parameters: Parameters) -> float | None:
    """The parameter `timeout`, microseconds on the wire, in seconds; None where it is 0."""
    microseconds = whole(parameters, "timeout")
    return microseconds / _MICROSECONDS if microseconds else None


def placement(parameters: Parameters, regions: Regions) -> Placement | None:
    """Where in shared memory a tensor lies, if it does.

    Raises:
        InvalidArgument: not within a region.
        NotFound: the region is not registered.
        NotSupported: shared memory is switched off.
    """
    name = parameters.get("shared_memory_region")
    if name is None:
        return None
    if not isinstance(name, str):
        raise InvalidArgument("parameter shared_memory_region", "a name", name)
    if "shared_memory_byte_size" not in parameters:
        raise InvalidArgument("parameter shared_memory_byte_size", "a number", "none")
    offset = whole(parameters, "shared_memory_offset")
    return regions.place(name, offset, whole(parameters, "shared_memory_byte_size"))


def refuse_classification(output: str, parameters: Parameters) -> None:
    """Say that classes are not computed here.

    Raises:
        NotSupported: the output should become classes.
    """
    if "classification" in parameters:
        raise NotSupported(
            f"output {shown(output)}: classification is not supported; ask for the tensor itself"
        )
