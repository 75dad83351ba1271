"""What a picture file may make a decoder do, counted before any decoder sees it.

Bytes and pixels bound neither the pieces of metadata, each of which is unpacked, nor the scans of a
progressive JPEG, each of which goes over the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from server.errors import InvalidArgument

_MAX_PIECES = 200
_MAX_SCANS = 100
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_SCAN = b"\xff\xda"


def check_pieces(data: bytes, field: str) -> None:
    """Check how many pieces a PNG or JPEG file has before its pixels, and how many scans.

    Raises:
        InvalidArgument: more than any camera or editor writes.
    """
    if data.startswith(_PNG):
        pieces = _png_chunks(data)
    elif data.startswith(_JPEG):
        pieces = _jpeg_segments(data)
        # In coded pixels this byte is always followed by a zero: every hit is a scan.
        if data.count(_SCAN) > _MAX_SCANS:
            raise InvalidArgument(field, f"a JPEG of at most {_MAX_SCANS} scans", "more")
    else:
        return
    if len(list(islice(pieces, _MAX_PIECES + 1))) > _MAX_PIECES:
        raise InvalidArgument(field, f"at most {_MAX_PIECES} pieces of metadata", "more")


def _png_chunks(data: bytes) -> Iterator[int]:
    """Where each chunk before the pixels begins."""
    place = len(_PNG)
    while place + 8 <= len(data) and data[place + 4 : place + 8] != b"IDAT":
        yield place
        # Length, name, contents, checksum.
        place += 12 + int.from_bytes(data[place : place + 4])


def _jpeg_segments(data: bytes) -> Iterator[int]:
    """Where each segment before the first scan begins."""
    place = len(_JPEG)
    while place + 4 <= len(data) and data[place : place + 2] != _SCAN:
        yield place
        # A marker, a length that counts itself; whatever is no marker is stepped over.
        is_marker = data[place] == 0xFF and data[place + 1] != 0xFF
        place += 2 + max(int.from_bytes(data[place + 2 : place + 4]), 2) if is_marker else 1
