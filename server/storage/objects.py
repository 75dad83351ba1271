"""The pictures' bytes: files in a folder, or objects in a store that speaks S3."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from server.errors import Reason, StartupError, Unavailable
from server.storage.records import PictureRecord

_SUFFIXES = {"raw_rgb8": "rgb", "jpeg": "jpg"}
if TYPE_CHECKING:
    # Types only, not there when the program runs.
    from obstore.store import ClientConfig, RetryConfig

_log = logging.getLogger(__name__)
_TIMEOUT = timedelta(seconds=10)
_RETRIES = 2
_FOLDER_DIGITS = 2


class Objects:
    """Bytes by picture.

    Args:
        url: `s3://bucket/prefix`; address and credentials come from the environment (`AWS_...`).
        folder: of the files, where there is no URL.
    """

    def __init__(self, url: str | None, folder: Path) -> None:
        """Ask nothing until `open`."""
        self._url = url
        self._folder = folder

    async def open(self) -> None:
        """Reach the store; a folder is made where it is not there.

        Raises:
            StartupError: the URL is none, or the store does not answer as it should.
        """
        try:
            self._store = _local(self._folder) if self._url is None else _s3(self._url)
            await obstore.list_with_delimiter_async(self._store)
        except (BaseError, OSError, ValueError) as error:
            place = self._folder if self._url is None else f"--store-url {self._url}"
            raise StartupError(f"picture store {place}: {_sentence(error)}") from error

    async def put(self, record: PictureRecord, data: bytes) -> None:
        """Store bytes, whole or not at all; again is no harm.

        Raises:
            Unavailable: the store does not take them.
        """
        name = _name(record)
        with _failures():
            await obstore.put_async(self._store, name, data, use_multipart=False)
            if self._url is None:
                await asyncio.to_thread(_reach_the_disk, self._folder / name)

    async def get(self, record: PictureRecord) -> bytes | None:
        """The bytes; None where there are none.

        Raises:
            Unavailable: the store does not give them.
        """
        with _failures(), suppress(FileNotFoundError):
            answer = await obstore.get_async(self._store, _name(record))
            return bytes(await answer.bytes_async())
        return None

    async def delete(self, record: PictureRecord) -> None:
        """Delete the bytes, if they are there.

        Raises:
            Unavailable: the store does not do it.
        """
        with _failures(), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, _name(record))

    def tidy(self, record: PictureRecord) -> None:
        """Remove what a process that died while it wrote this picture may have left."""
        if self._url is None:
            path = self._folder / _name(record)
            for left in path.parent.glob(f"{path.name}#*"):
                left.unlink(missing_ok=True)


@contextmanager
def _failures() -> Iterator[None]:
    """What the block raises, as callers may see it: addresses and folders are nothing for them."""
    try:
        yield
    except (BaseError, OSError) as error:
        _log.warning("picture store: %s", _sentence(error))
        raise Unavailable(
            "the picture store fails; try again later", Reason.STORE_UNAVAILABLE
        ) from error


def _local(folder: Path) -> LocalStore:
    folder.mkdir(parents=True, exist_ok=True)
    return LocalStore(folder)


def _s3(url: str) -> S3Store:
    if not url.startswith("s3://"):
        raise ValueError("expected s3://bucket/prefix")
    # Plain text is for who writes http:// into the endpoint's variable.
    client: ClientConfig = {
        "timeout": _TIMEOUT,
        "connect_timeout": _TIMEOUT,
        "allow_http": True,
    }
    retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": _TIMEOUT}
    return S3Store.from_url(url, client_options=client, retry_config=retry)


def _name(record: PictureRecord) -> str:
    suffix = _SUFFIXES.get(record.format, record.format)
    return f"{record.id[:_FOLDER_DIGITS]}/{record.id}.{suffix}"


def _reach_the_disk(path: Path) -> None:
    """Wait until a file and its name would outlive the machine's fall."""
    for place in (path, path.parent, path.parent.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sentence(error: Exception) -> str:
    """The first line: what follows are the library's insides."""
    return str(error).partition("\n")[0]
