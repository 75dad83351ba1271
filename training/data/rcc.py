"""Reader of Qt binary resource files (.rcc), the container of the painting scans.

Layout after qtbase `src/tools/rcc/rcc.cpp`: a header of magic, version and three offsets (tree,
data, names), all big-endian; tree nodes are folders or files, files are stored plain or zlib.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from training.errors import DataError

_MAGIC = b"qres"
_COMPRESSED_ZLIB = 0x01
_DIRECTORY = 0x02
_COMPRESSED_ZSTD = 0x04


class ResourceFile:
    """One opened .rcc file; iterate `files()` for its (path, bytes) pairs."""

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            DataError: not a Qt resource file.
        """
        self._path = path
        self._bytes = path.read_bytes()
        if self._bytes[:4] != _MAGIC:
            raise DataError(f"{path}: expected a Qt resource file (magic {_MAGIC!r})")
        version, self._tree, self._data, self._names = struct.unpack_from(">4I", self._bytes, 4)
        # Version 2 added a modification time to every node.
        self._node_size = 14 if version < 2 else 22

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file as (slash-separated path, contents)."""
        yield from self._walk(0, "")

    def _walk(self, node: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        offset = self._tree + node * self._node_size
        name_offset, flags = struct.unpack_from(">IH", self._bytes, offset)
        path = f"{prefix}/{self._name(name_offset)}".lstrip("/") if node else ""
        if flags & _DIRECTORY:
            count, first_child = struct.unpack_from(">II", self._bytes, offset + 6)
            for child in range(first_child, first_child + count):
                yield from self._walk(child, path)
        else:
            (data_offset,) = struct.unpack_from(">I", self._bytes, offset + 10)
            yield path, self._contents(data_offset, flags, path)

    def _name(self, offset: int) -> str:
        start = self._names + offset
        (length,) = struct.unpack_from(">H", self._bytes, start)
        return self._bytes[start + 6 : start + 6 + 2 * length].decode("utf-16-be")

    def _contents(self, offset: int, flags: int, path: str) -> bytes:
        start = self._data + offset
        (length,) = struct.unpack_from(">I", self._bytes, start)
        contents = self._bytes[start + 4 : start + 4 + length]
        if flags & _COMPRESSED_ZSTD:
            raise DataError(f"{self._path}: {path} is zstd-compressed, which is not supported")
        # qCompress puts the uncompressed length, four bytes, before the zlib stream.
        return zlib.decompress(contents[4:]) if flags & _COMPRESSED_ZLIB else contents
