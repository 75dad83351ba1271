"""The model repository: which models and versions are served, and how they come and go.

Everything here happens on the event loop except for reading and loading files. A load builds the
new versions beside the old ones, takes their place in one step without a pause in which a request
could find neither, and closes the old ones once nothing runs on them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.onnxruntime.cache import ResponseCache
from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.loaded import Entry, Loaded
from server.engines.onnxruntime.loading import Loader
from server.engines.onnxruntime.servable import Servable
from server.engines.onnxruntime.states import ModelIndex, States
from server.engines.onnxruntime.versions import is_version
from server.errors import (
    ImpastoError,
    InvalidArgument,
    ModelLoadError,
    NotFound,
    Reason,
    Unavailable,
)

_log = logging.getLogger(__name__)


class Repository:
    """The models of one folder in Triton's layout.

    Attributes:
        folder: where they are.

    Args:
        folder: each sub-folder is a model or an ensemble.
        cache: for the models that ask for a response cache; None is none.
    """

    def __init__(self, folder: Path, cache: ResponseCache | None = None) -> None:
        """Load nothing yet."""
        self.folder = folder
        self._cores = Cores()
        self._loader = Loader(folder, self._cores, cache)
        self._entries: dict[str, Entry] = {}
        self._states = States()
        # One change at a time: two loads at once would take twice the memory and the cores.
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def versions(self, name: str) -> dict[str, Servable]:
        """The served versions of a model, oldest first.

        Raises:
            NotFound: none is served.
            Unavailable: the engine is closing.
        """
        return {version: loaded.servable for version, loaded in self._served(name).versions.items()}

    def find(self, name: str, version: str = "") -> Servable:
        """One version of a model; the latest where `version` is empty.

        Raises:
            InvalidArgument: `version` is no version.
            NotFound: it is not served.
            Unavailable: the engine is closing.
        """
        entry = self._served(name)
        if not version:
            return entry.latest.servable
        if version in entry.versions:
            return entry.versions[version].servable
        if not is_version(version):
            raise InvalidArgument(f"version of {name}", "a whole number above 0", repr(version))
        served = list(entry.versions)
        raise NotFound(f"model {name!r}: version {version!r} is not served; served are {served}")

    def all(self) -> list[Servable]:
        """Everything that is served, by name and version."""
        entries = [self._entries[name] for name in sorted(self._entries)]
        return [loaded.servable for entry in entries for loaded in entry.versions.values()]

    @property
    def ready(self) -> bool:
        """Whether every model that should be served is."""
        return self._states.all_ready and not self._closed

    async def index(self, ready_only: bool) -> list[ModelIndex]:
        """See `Engine.index`."""
        try:
            folders = await asyncio.to_thread(self._loader.names)
        except ModelLoadError:
            folders = []
        return self._states.index(folders, ready_only)

    async def load_all(self, names: Iterable[str] | None = None) -> dict[str, ImpastoError]:
        """Load these models or all, steps before the ensembles; return what failed.

        Raises:
            ModelLoadError: the repository is not there.
        """
        wanted = await asyncio.to_thread(self._loader.names) if names is None else sorted(names)
        failed: dict[str, ImpastoError] = {}
        entries: dict[str, Entry] = {}
        async with self._changing:
            for name in wanted:
                try:
                    entries[name] = await self._read(name, None)
                except (ModelLoadError, NotFound) as error:
                    failed[name] = error
            for name in _steps_first(entries):
                try:
                    await self._load(name, entries[name])
                except ModelLoadError as error:
                    failed[name] = error
        return failed

    async def load(self, name: str, override: ModelConfig | None = None) -> None:
        """See `Engine.load`; the load goes on where the caller goes away."""
        await asyncio.shield(self._begin(self._load_one(name, override)))

    async def unload(self, name: str, dependents: bool = False) -> None:
        """See `Engine.unload`; as in Triton, a model that is there but not served is no error."""
        await asyncio.shield(self._begin(self._unload_one(name, dependents)))

    async def close(self) -> None:
        """Finish what runs and free everything."""
        self._closed = True
        async with self._changing:
            for name in list(self._entries):
                self._retire(name, self._entries.pop(name).versions)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._cores.close()

    def _served(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is not None and entry.versions:
            return entry
        if self._closed:
            raise Unavailable("the engine is closing", Reason.UNLOADING)
        served = sorted(name for name, entry in self._entries.items() if entry.versions)
        raise NotFound(f"model {name!r}: not served; served are {served}")

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start what `close` waits for; errors are the business of whoever awaits it too."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _load_one(self, name: str, override: ModelConfig | None) -> None:
        async with self._changing:
            if self._closed:
                raise Unavailable("the engine is closing", Reason.UNLOADING)
            await self._load_with_steps(name, override, ())

    async def _load_with_steps(
        self, name: str, override: ModelConfig | None, users: tuple[str, ...]
    ) -> None:
        """Load a model, and before it the steps that are not served and not among its `users`."""
        entry = await self._read(name, override)
        entry.explicit = not users
        there = await asyncio.to_thread(self._loader.names)
        for step in sorted(entry.steps.intersection(there).difference(users, [name])):
            if not self._is_served(step):
                try:
                    await self._load_with_steps(step, None, (*users, name))
                except ModelLoadError as error:
                    self._states.failed(name, entry.chosen, f"step {step!r}: {error}")
                    raise
        await self._load(name, entry)

    async def _read(self, name: str, override: ModelConfig | None) -> Entry:
        there = await asyncio.to_thread(self._loader.names)
        # A name from the wire must not lead out of the repository, nor be remembered.
        if name not in there:
            raise self._unknown(name, there)
        try:
            return await asyncio.to_thread(self._loader.read, name, override)
        except ModelLoadError as error:
            self._states.failed(name, (), str(error))
            raise

    def _unknown(self, name: str, there: Sequence[str]) -> NotFound:
        return NotFound(f"{self.folder}: there is no model {name!r}; there are {there}")

    async def _load(self, name: str, entry: Entry) -> None:
        self._states.loading(name, entry.chosen)
        try:
            if entry.steps:
                entry.versions = self._serve_ensemble(name, entry)
            else:
                models = await asyncio.to_thread(self._loader.load_models, entry)
                entry.versions = {item.version: self._loader.serve_model(item) for item in models}
        except Exception as error:
            self._states.failed(name, entry.chosen, str(error))
            raise
        old = self._entries.get(name)
        entry.explicit |= old is not None and old.explicit
        self._entries[name] = entry
        self._states.ready(name, entry.chosen)
        self._retire(name, old.versions if old else {})
        self._follow(name)
        _log.info("model %s: serving versions %s", name, ", ".join(entry.chosen))

    async def _unload_one(self, name: str, dependents: bool) -> None:
        async with self._changing:
            there = await asyncio.to_thread(self._loader.names)
            if name not in self._entries and name not in there:
                if not self._states.known(name):
                    raise self._unknown(name, there)
                self._states.forget(name)
            before = self._tasks.copy()
            self._unload(name, dependents)
        # Outside of the lock: what runs on the model may take long, and other models may change.
        if finishing := self._tasks - before:
            await asyncio.wait(finishing)

    def _unload(self, name: str, dependents: bool) -> None:
        entry = self._entries.pop(name, None)
        self._states.unloading(name)
        if entry is None:
            return
        self._retire(name, entry.versions)
        self._follow(name)
        _log.info("model %s: no longer served", name)
        for step in entry.steps.intersection(self._entries) if dependents else ():
            needed = any(step in other.steps for other in self._entries.values())
            # An earlier step of this loop may have taken it along.
            if step in self._entries and not needed and not self._entries[step].explicit:
                self._unload(step, dependents)

    def _follow(self, name: str) -> None:
        """Bind the ensembles that use a model to what is served of it now.

        As in Triton, one without a step is out of service until the step is back.
        """
        for user, entry in list(self._entries.items()):
            if name not in entry.steps:
                continue
            old, entry.versions = entry.versions, {}
            self._states.unloading(user)
            if all(self._is_served(step) for step in entry.steps):
                self._rebind(user, entry)
            self._retire(user, old)
            if old or entry.versions:
                self._follow(user)

    def _rebind(self, name: str, entry: Entry) -> None:
        try:
            entry.versions = self._serve_ensemble(name, entry)
        except ModelLoadError as error:
            _log.error("model %s: out of service: %s", name, error)
            self._states.failed(name, entry.chosen, str(error))
        else:
            self._states.ready(name, entry.chosen)

    def _serve_ensemble(self, name: str, entry: Entry) -> dict[str, Loaded]:
        if circle := self._circle(name, entry.steps):
            raise entry.file.fault(circle, f"step {circle!r} runs on {name!r} itself")
        others = {other: item for other, item in self._entries.items() if other != name}
        return self._loader.serve_ensemble(entry, others)

    def _circle(self, name: str, steps: set[str]) -> str | None:
        """The step through which an ensemble would run on itself."""
        for step in steps:
            entry = self._entries.get(step)
            if step == name or (entry and name in self._all_steps(entry)):
                return step
        return None

    def _all_steps(self, entry: Entry) -> set[str]:
        """The steps of an ensemble, their steps, and so on; what is served has no circles."""
        steps = entry.steps
        inner = [self._all_steps(self._entries[step]) for step in steps if step in self._entries]
        return steps.union(*inner)

    def _is_served(self, name: str) -> bool:
        return name in self._entries and bool(self._entries[name].versions)

    def _retire(self, name: str, versions: dict[str, Loaded]) -> None:
        for version, loaded in versions.items():
            self._begin(self._close(name, version, loaded))

    async def _close(self, name: str, version: str, loaded: Loaded) -> None:
        try:
            await loaded.close()
        except Exception:
            _log.exception("model %s: version %s did not end in order", name, version)
        self._states.unloaded(name, version)


def _steps_first(entries: Mapping[str, Entry]) -> list[str]:
    """An order in which no ensemble is loaded before its steps."""
    steps = {name: sorted(entry.steps.intersection(entries)) for name, entry in entries.items()}
    try:
        return list(TopologicalSorter(steps).static_order())
    except CycleError:
        # Each ensemble of the circle will fail by itself and say which step it misses.
        return sorted(entries, key=lambda name: bool(steps[name]))
