"""Shared memory that clients have registered: POSIX regions, as files in /dev/shm.

Regions are read and written by `preadv` and `pwritev`, never mapped: a client may shrink its region
at any time, and touching a mapping beyond its file's end kills the process.
"""

from __future__ import annotations

import os
import stat
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    NotSupported,
    Overloaded,
    Reason,
)
from server.inference.tensors import shown

_FOLDER = Path("/dev/shm")
# Each is an open file, of which a process commonly may have 1024.
_MAX_REGIONS = 256
_MAX_NAME = 255
# What the system's file offsets can hold.
_MAX_OFFSET = 2**63 - 1
_RETRY_AFTER_SECONDS = 1.0


class Region:
    """One registered region; its file is closed when nobody uses it any more.

    Attributes:
        name: by which requests name it.
        key: its name in the system.
        offset: where it begins in the file.
        byte_size: its size.
    """

    def __init__(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Open the file.

        Raises:
            InvalidArgument: there is no such file, or it is too small.
        """
        self.name = name
        self.key = key
        self.offset = offset
        self.byte_size = byte_size
        self._file = _opened(key)
        weakref.finalize(self, os.close, self._file)
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidArgument("key", "a shared memory object", key)
        if offset + byte_size > status.st_size:
            raise InvalidArgument(
                f"region {shown(name)}",
                f"offset and byte_size within the {status.st_size} bytes of {key!r}",
                f"{offset} and {byte_size}",
            )

    def read(self, offset: int, size: int) -> np.ndarray:
        """Copy `size` bytes out.

        Raises:
            InvalidArgument: the file has become smaller.
        """
        data = np.empty(size, np.uint8)
        if (got := os.preadv(self._file, [data.data], self.offset + offset)) != size:
            raise InvalidArgument(f"region {shown(self.name)}", f"{size} bytes to read", got)
        return data

    def write(self, offset: int, array: np.ndarray) -> None:
        """Copy a tensor's bytes in.

        Raises:
            InvalidArgument: the file has no room for it any more.
        """
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        try:
            got = os.pwritev(self._file, [data.data], self.offset + offset)
        except OSError as error:
            raise InvalidArgument(f"region {shown(self.name)}", "room", error.strerror) from error
        if got != data.size:
            raise InvalidArgument(f"region {shown(self.name)}", f"room for {data.size} bytes", got)


@dataclass(frozen=True, slots=True)
class Placement:
    """A part of a region in which a tensor lies.

    Attributes:
        region: the region.
        offset: within the region.
        byte_size: of the part.
    """

    region: Region
    offset: int
    byte_size: int

    def read(self) -> np.ndarray:
        """The part's bytes; see `Region.read`."""
        return self.region.read(self.offset, self.byte_size)

    def write(self, name: str, array: np.ndarray) -> None:
        """Put the output `name` there.

        Raises:
            InvalidArgument: it does not fit.
        """
        if array.nbytes > self.byte_size:
            raise InvalidArgument(
                f"output {shown(name)} shared_memory_byte_size",
                f"at least {array.nbytes}",
                self.byte_size,
            )
        self.region.write(self.offset, array)


class Regions:
    """All registered regions.

    Args:
        allowed: whether clients may use shared memory at all.
    """

    def __init__(self, allowed: bool) -> None:
        """Know none yet."""
        self.allowed = allowed
        self._regions: dict[str, Region] = {}

    def register(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Open a region and remember it.

        Raises:
            AlreadyExists: the name is taken.
            InvalidArgument: there is no such region.
            NotSupported: shared memory is switched off.
            Overloaded: there are too many regions.
        """
        self._check_allowed()
        if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
            raise InvalidArgument("region name", f"1 to {_MAX_NAME} printable characters", name)
        if name in self._regions:
            raise AlreadyExists(f"shared memory region {shown(name)} is registered; unregister it")
        if len(self._regions) >= _MAX_REGIONS:
            raise Overloaded(
                f"{_MAX_REGIONS} shared memory regions are registered",
                _RETRY_AFTER_SECONDS,
                Reason.REGIONS,
            )
        if not 0 <= offset <= _MAX_OFFSET or not 0 < byte_size <= _MAX_OFFSET:
            raise InvalidArgument(
                f"region {shown(name)}",
                "offset of 0 or more, byte_size of 1 or more",
                f"{offset} and {byte_size}",
            )
        self._regions[name] = Region(name, key, offset, byte_size)

    def unregister(self, name: str = "") -> None:
        """Forget a region, or all; one that is not there is no error, as in Triton."""
        self._check_allowed()
        if name:
            self._regions.pop(name, None)
        else:
            self._regions.clear()

    def status(self, name: str = "") -> list[Region]:
        """One region, or all.

        Raises:
            NotFound: there is none of that name.
        """
        self._check_allowed()
        return [self._find(name)] if name else list(self._regions.values())

    def place(self, name: str, offset: int, byte_size: int) -> Placement:
        """A part of the region `name`.

        Raises:
            InvalidArgument: it is not within the region.
            NotFound: there is no such region.
            NotSupported: shared memory is switched off.
        """
        self._check_allowed()
        region = self._find(name)
        if offset < 0 or byte_size < 0 or offset + byte_size > region.byte_size:
            raise InvalidArgument(
                f"region {shown(name)}",
                f"an offset and size within its {region.byte_size} bytes",
                f"{offset} and {byte_size}",
            )
        return Placement(region, offset, byte_size)

    def _find(self, name: str) -> Region:
        try:
            return self._regions[name]
        except KeyError:
            raise NotFound(
                f"shared memory region {shown(name)} is not registered; register it first"
            ) from None

    def _check_allowed(self) -> None:
        if not self.allowed:
            raise NotSupported(
                "shared memory is switched off; start the server with --allow-client-shm"
            )


def _opened(key: str) -> int:
    """Open /dev/shm/`key`.

    Raises:
        InvalidArgument: it is not there, or the key is no plain name.
    """
    name = key.removeprefix("/")
    plain = name.isprintable() and "/" not in name and name not in {"", ".", ".."}
    if not plain or len(name) > _MAX_NAME:
        raise InvalidArgument("key", "the name of a shared memory object, like /name", key)
    try:
        # Never wait for, or go through, what is no plain file.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(_FOLDER / name, flags)
    except OSError as error:
        raise InvalidArgument(
            "key", "a shared memory object", f"{key}: {error.strerror}"
        ) from error
