"""What calls ask for: one kind of request, or several with weights from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadtest.errors import WrongUse
from loadtest.targets.requests import PictureRequest, TensorRequest

_REQUESTS: dict[str, type[BaseModel]] = {
    "impasto": PictureRequest,
    "rest": PictureRequest,
    "oip": TensorRequest,
}


class WorkloadEntry(BaseModel):
    """One kind of request.

    Attributes:
        name: of it, in reports.
        weight: how often it comes, in proportion to the others' weights.
        request: what it asks for; see `targets.requests`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    request: dict[str, Any] = {}

    @property
    def pictures(self) -> int:
        """That one call asks for; 1 of a request that asks for tensors."""
        return int(self.request.get("count", 1))


class Workload(BaseModel):
    """The mix.

    Attributes:
        entries: the kinds of requests.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: Annotated[tuple[WorkloadEntry, ...], Field(min_length=1, max_length=1000)]

    @property
    def weights(self) -> list[float]:
        """Of the entries."""
        return [entry.weight for entry in self.entries]


def checked_request(kind: str, request: dict[str, Any]) -> dict[str, Any]:
    """A request as the target takes it, without what it leaves to the server.

    Raises:
        ValidationError: it is none.
    """
    return _REQUESTS[kind].model_validate(request).model_dump(mode="json", exclude_none=True)


def single(kind: str, request: dict[str, Any]) -> Workload:
    """All calls ask for the same.

    Raises:
        WrongUse: not for something that there is.
    """
    try:
        return Workload(
            entries=(WorkloadEntry(name="all", request=checked_request(kind, request)),)
        )
    except ValidationError as error:
        raise WrongUse(sentences(error)) from error


def read_workload(kind: str, path: Path) -> Workload:
    """The mix that a file describes, in YAML or JSON.

    Raises:
        WrongUse: names the file, the line, the field, and what was expected.
    """
    try:
        text = path.read_text()
        content, lines = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise WrongUse(f"{path}: is neither YAML nor JSON: {error}") from error
    try:
        workload = Workload.model_validate(content)
        names = [entry.name for entry in workload.entries]
        if twice := {name for name in names if names.count(name) > 1}:
            raise WrongUse(f"{path}: expected a name of its own for each entry, got {twice} twice")
        return Workload(
            entries=tuple(_checked(kind, *item) for item in enumerate(workload.entries))
        )
    except ValidationError as error:
        raise WrongUse(sentences(error, path, lines)) from error
    except _InEntry as error:
        raise WrongUse(sentences(error.error, path, lines, error.place)) from error


class _InEntry(Exception):
    """What is wrong is in one entry's request."""

    def __init__(self, error: ValidationError, place: tuple[str | int, ...]) -> None:
        super().__init__(str(error))
        self.error = error
        self.place = place


def _checked(kind: str, number: int, entry: WorkloadEntry) -> WorkloadEntry:
    try:
        request = checked_request(kind, entry.request)
    except ValidationError as error:
        raise _InEntry(error, ("entries", number, "request")) from error
    return entry.model_copy(update={"request": request})


def sentences(
    error: ValidationError,
    where: str | Path = "",
    lines: yaml.Node | None = None,
    place: tuple[str | int, ...] = (),
) -> str:
    """What is wrong, one line each: file, line, field, expectation, and what came.

    Args:
        error: of the check.
        where: the file, perhaps with the line.
        lines: the file's nodes, which know their lines.
        place: of what was checked, in the file.
    """
    said = []
    for fault in error.errors(include_url=False):
        parts = (*place, *fault["loc"])
        name = ".".join(map(str, parts)) or "the whole"
        start = f"{where}, line {_line(lines, parts)}: " if lines else f"{where}: " if where else ""
        said.append(f"{start}{name}: {fault['msg']}, got {str(fault['input'])[:100]!r}")
    return "\n".join(said)


def _line(node: yaml.Node | None, where: Sequence[str | int]) -> int:
    """Where in the file a field stands, or the innermost part around it that does."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in where:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part] if part < len(node.value) else None
        elif isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == str(part)]
            node = found[0][1] if found else None
            if found:
                line = found[0][0].start_mark.line + 1
                continue
        else:
            break
        if node is None:
            break
        line = node.start_mark.line + 1
    return line
