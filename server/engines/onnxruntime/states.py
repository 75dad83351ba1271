"""What the repository index says: the state of each version, in Triton's words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tritonclient.grpc.service_pb2 import RepositoryIndexResponse

ModelIndex: TypeAlias = RepositoryIndexResponse.ModelIndex
UNLOADED = "unloaded"


class State(StrEnum):
    """Of one version; the empty string that Triton gives a model never loaded is no state."""

    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class _Row:
    state: State
    reason: str = ""


class States:
    """Keeps a row for each version of each model that was ever asked for."""

    def __init__(self) -> None:
        """Know nothing."""
        self._rows: dict[str, dict[str, _Row]] = {}

    def loading(self, name: str, versions: Iterable[str]) -> None:
        """Versions begin to load; those that are served meanwhile stay READY."""
        rows = self._rows.setdefault(name, {})
        for version in versions:
            if version not in rows or rows[version].state != State.READY:
                rows[version] = _Row(State.LOADING)

    def ready(self, name: str, versions: Collection[str]) -> None:
        """These versions are served, and no others."""
        old = self._rows.get(name, {})
        leaving = {
            version: _Row(State.UNLOADING)
            for version, row in old.items()
            if row.state in (State.READY, State.UNLOADING) and version not in versions
        }
        self._rows[name] = leaving | {version: _Row(State.READY) for version in versions}

    def failed(self, name: str, versions: Collection[str], reason: str) -> None:
        """A load failed; what is still served stays READY, with the reason beside it.

        Without `versions` the load did not come so far as to choose some.
        """
        rows = self._rows.setdefault(name, {})
        served = [version for version, row in rows.items() if row.state == State.READY]
        for version in dict.fromkeys([*versions, *served]):
            state = State.READY if version in served else State.UNAVAILABLE
            rows[version] = _Row(state, reason)
        if not rows:
            rows[""] = _Row(State.UNAVAILABLE, reason)

    def known(self, name: str) -> bool:
        """Whether anybody ever asked for this model."""
        return name in self._rows

    def forget(self, name: str) -> None:
        """A model that was never served is no longer there."""
        if all(row.state == State.UNAVAILABLE for row in self._rows.get(name, {}).values()):
            self._rows.pop(name, None)

    def unloading(self, name: str) -> None:
        """Nothing of this model is served any more; requests may be under way."""
        if name in self._rows:
            self.ready(name, ())

    def unloaded(self, name: str, version: str) -> None:
        """The last request on a version that is no longer served has finished."""
        row = self._rows.get(name, {}).get(version)
        if row and row.state == State.UNLOADING:
            self._rows[name][version] = _Row(State.UNAVAILABLE, UNLOADED)

    @property
    def all_ready(self) -> bool:
        """Triton's strict readiness: nothing loads, and nothing that should be served is not."""
        return all(
            row.state in (State.READY, State.UNLOADING) or row.reason == UNLOADED
            for rows in self._rows.values()
            for row in rows.values()
        )

    def index(self, folders: Iterable[str], ready_only: bool) -> list[ModelIndex]:
        """By name and version: the models that are in the repository's `folders` or served."""
        there = set(folders)
        active = {
            name
            for name, rows in self._rows.items()
            if any(row.state != State.UNAVAILABLE for row in rows.values())
        }
        result = []
        for name in sorted(there | active):
            for version, row in sorted(self._rows.get(name, {}).items(), key=_by_number):
                if row.state == State.READY or not ready_only:
                    result.append(
                        ModelIndex(name=name, version=version, state=row.state, reason=row.reason)
                    )
            if not self._rows.get(name) and not ready_only:
                result.append(ModelIndex(name=name))
        return result


def _by_number(item: tuple[str, object]) -> int:
    return int(item[0] or 0)
