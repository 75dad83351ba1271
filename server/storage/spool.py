"""The spool: pictures between their answer and the store, each a file that outlives the process.

The answer waits for the spool, a write to this machine's memory of files; the store, which may be
far away, takes its time. Whatever the process dies of, what was answered is in the spool or in the
store.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from server.errors import Overloaded, Reason, StartupError
from server.storage.records import KeptPicture, PictureRecord

MAX_BYTES = 256 * 1024 * 1024
_UNFINISHED = ".unfinished"
_BROKEN = ".broken"
_RETRY_AFTER_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Spool:
    """A folder that one process at a time has.

    Attributes:
        byte_size: of the pictures in it.

    Args:
        folder: made where it is not there.
        limit: greatest number of bytes in it.
    """

    def __init__(self, folder: Path, limit: int = MAX_BYTES) -> None:
        """Leave the folder alone until `take_over`."""
        self._folder = folder
        self._limit = limit
        self._lock: TextIO | None = None
        self.byte_size = 0

    def take_over(self) -> list[PictureRecord]:
        """Have the folder from now on; what an earlier process left in it.

        Raises:
            StartupError: another process has it, or it cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self._folder / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupError(
                f"{self._folder} belongs to another server that is running; give each its own "
                f"--store (they may share --store-url and --store-database)"
            ) from error
        except OSError as error:
            raise StartupError(f"{self._folder}: cannot be written ({error.strerror})") from error
        # What is not whole, nobody was told of.
        for path in self._folder.glob(f"*{_UNFINISHED}"):
            path.unlink()
        return list(self._left())

    def _left(self) -> Iterator[PictureRecord]:
        for path in sorted(self._folder.glob("[0-9a-f]" * 32)):
            kept = self.read(path.name)
            if kept is None:
                # The machine itself went down before the file was on the disk.
                _log.warning("%s is not whole; set aside as %s%s", path, path.name, _BROKEN)
                path.rename(path.with_suffix(_BROKEN))
                continue
            self.take(kept.record.byte_size)
            yield kept.record

    def check_room(self) -> None:
        """Check that there is room for something.

        Raises:
            Overloaded: the store is behind.
        """
        if self.byte_size >= self._limit:
            raise Overloaded(
                f"the picture store is behind: {self.byte_size} bytes wait for it",
                _RETRY_AFTER_SECONDS,
                Reason.STORE_BUSY,
            )

    def take(self, byte_size: int) -> None:
        """Count a picture that comes; the last one may exceed the limit."""
        self.byte_size += byte_size

    def give_back(self, byte_size: int) -> None:
        """Count a picture that has gone."""
        self.byte_size -= byte_size

    def write(self, kept: KeptPicture) -> None:
        """Write a picture, whole or not at all; safe in any thread.

        Raises:
            OSError: it cannot be written.
        """
        path = self._folder / kept.record.id
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            unfinished.write_bytes(b"%b\n%b" % (kept.record.to_json(), kept.data))
            unfinished.rename(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def read(self, picture_id: str) -> KeptPicture | None:
        """A picture; None where it is not here, or not whole. Safe in any thread."""
        try:
            line, _, data = (self._folder / picture_id).read_bytes().partition(b"\n")
            record = PictureRecord.from_json(line)
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return KeptPicture(record, data) if record.is_of(data) else None

    def remove(self, picture_id: str) -> None:
        """Remove a picture that the store has; safe in any thread."""
        (self._folder / picture_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Let another process have the folder."""
        if self._lock is not None:
            self._lock.close()
