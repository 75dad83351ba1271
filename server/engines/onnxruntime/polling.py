"""Following a repository that changes: model control mode `poll`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from server.engines.onnxruntime.repository import Repository
from server.engines.onnxruntime.versions import model_folders

_log = logging.getLogger(__name__)

# Time of change and size of each file, by path.
Fingerprint: TypeAlias = dict[str, tuple[int, int]]


class Poller:
    """Loads what is new or has changed in a repository, and unloads what has gone.

    A model that fails to load, since it is broken or still being written, is tried again when
    anything in the repository changes; what was served of it before goes on.

    Args:
        repository: what to follow.
        seconds: between two looks.
    """

    def __init__(self, repository: Repository, seconds: float) -> None:
        """Look at nothing yet."""
        self._repository = repository
        self._seconds = seconds
        self._seen: dict[str, Fingerprint] = {}
        self._failed: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load everything, and follow what changes from then on.

        Raises:
            ModelLoadError: a model is broken.
        """
        # Before the load: what changes in the meantime is loaded again.
        with contextlib.suppress(OSError):
            self._seen = await asyncio.to_thread(fingerprints, self._repository.folder)
        for error in (await self._repository.load_all()).values():
            raise error
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        fault = ""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._poll()
                fault = ""
            # Whatever one look stumbled over, such as a repository that is not mounted just now,
            # the next may find in order.
            except Exception as error:
                if str(error) != fault:
                    fault = str(error)
                    _log.exception("cannot look for changes in %s", self._repository.folder)

    async def _poll(self) -> None:
        now = await asyncio.to_thread(fingerprints, self._repository.folder)
        gone = self._seen.keys() - now.keys()
        changed = {name for name, files in now.items() if self._seen.get(name) != files}
        if not gone and not changed:
            return
        for name in sorted(gone):
            await self._repository.unload(name)
        failed = await self._repository.load_all(changed | (self._failed.keys() - gone))
        reasons = {name: str(error) for name, error in failed.items()}
        for name, reason in reasons.items():
            if name in changed or reason != self._failed.get(name):
                _log.error("model %s: not loaded: %s", name, reason)
        self._failed = reasons
        # Last, so that what an exception kept from being done is done at the next look.
        self._seen = now


def fingerprints(repository: Path) -> dict[str, Fingerprint]:
    """What to compare to see whether a model has changed, by model; blocks.

    Raises:
        OSError: the repository is not there.
    """
    return {path.name: dict(_files(path)) for path in model_folders(repository)}


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for parent, _, names in os.walk(folder):
        # The folder too: a version folder without a file is a version.
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            # What vanishes while we look is a change that the next look finds.
            with contextlib.suppress(OSError):
                status = os.stat(path)
                yield path, (status.st_mtime_ns, status.st_size)
