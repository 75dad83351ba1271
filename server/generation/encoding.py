"""From pixels to the bytes that a caller asked for."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from server.errors import InvalidArgument
from server.generation.png import png
from server.generation.provenance import xmp_packet
from server.generation.requests import Encoding, OutputFormat
from server.telemetry.current import code_of, current_call, name_of
from server.telemetry.exemplars import exemplar
from server.telemetry.metrics import Metrics
from server.telemetry.traces import Stage, current_trace
from server.threads import Threads

if TYPE_CHECKING:
    from server.generation.content_credentials import Signer

# WebP's effort, 0 to 6: at 1 it takes a third of the default's time for a tenth more bytes.
_WEBP_EFFORT = 1
# One picture of 64x64.
_FEW_BYTES = 64 * 64 * 3


class Work(NamedTuple):
    """A picture to encode: uint8 pixels [height, width, 3], and what it says of itself.

    Attributes:
        pixels: of the picture.
        source: its digital source type.
        recipe: what makes it again.
        parent: the file that it was painted over; empty: none.
    """

    pixels: np.ndarray
    source: str
    recipe: Mapping[str, Any]
    parent: bytes = b""


def encode(work: Work, encoding: Encoding) -> bytes:
    """Encode a picture; deterministic, safe in any thread. Bare pixels carry no packet."""
    if encoding.format is OutputFormat.RAW_RGB8:
        return work.pixels.tobytes()
    xmp = xmp_packet(work.source, work.recipe)
    if encoding.format is OutputFormat.PNG:
        return png(work.pixels, xmp)
    file = io.BytesIO()
    image = Image.fromarray(work.pixels)
    if encoding.format is OutputFormat.JPEG:
        image.save(file, "JPEG", quality=encoding.quality, xmp=xmp)
    else:
        quality, effort = encoding.quality, _WEBP_EFFORT
        image.save(file, "WEBP", quality=quality, method=effort, xmp=xmp)
    return file.getvalue()


def animate(work: Work, quality: int, frame_milliseconds: int) -> bytes:
    """One endless animated WebP, of pixels [frames, height, width, 3]."""
    file = io.BytesIO()
    first, *others = (Image.fromarray(frame) for frame in work.pixels)
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=frame_milliseconds,
        loop=0,
        quality=quality,
        method=_WEBP_EFFORT,
        xmp=xmp_packet(work.source, work.recipe),
    )
    return file.getvalue()


class Encoder:
    """Encodes pictures in threads, and measures that.

    Args:
        threads: where.
        metrics: where its latency goes.
        signer: what makes Content Credentials; None: the server has no certificate.
    """

    def __init__(self, threads: Threads, metrics: Metrics, signer: Signer | None) -> None:
        """Keep the parts."""
        self._threads = threads
        self._signer = signer
        self._stages = metrics.stages

    def check(self, encoding: Encoding) -> None:
        """Check that what is asked for can be done, before anything is.

        Raises:
            InvalidArgument: it cannot.
        """
        if not encoding.content_credentials:
            return
        if self._signer is None:
            raise InvalidArgument(
                "content_credentials", "false: the server has no certificate to sign with", True
            )
        self._signer.check()

    async def encode_all(self, pictures: Sequence[Work], encoding: Encoding) -> list[bytes]:
        """The bytes of pictures, in their order."""
        if not encoding.content_credentials and _takes_no_time(pictures, encoding.format):
            return [self._measured(partial(encode, picture, encoding))() for picture in pictures]
        work = (self._run(partial(self._encoded, picture, encoding)) for picture in pictures)
        return await asyncio.gather(*work)

    async def animate(self, work: Work, encoding: Encoding, frame_milliseconds: int) -> bytes:
        """See the function of that name."""
        return await self._run(partial(self._animated, work, encoding, frame_milliseconds))

    def _encoded(self, work: Work, encoding: Encoding) -> bytes:
        return self._signed(encode(work, encoding), work, encoding, encoding.format)

    def _animated(self, work: Work, encoding: Encoding, frame_milliseconds: int) -> bytes:
        data = animate(work, encoding.quality, frame_milliseconds)
        return self._signed(data, work, encoding, OutputFormat.WEBP)

    def _signed(
        self, data: bytes, work: Work, encoding: Encoding, output_format: OutputFormat
    ) -> bytes:
        if not encoding.content_credentials:
            return data
        assert self._signer is not None
        return self._signer.sign(data, output_format, work)

    def close(self) -> None:
        """Start nothing more."""
        self._threads.close()

    async def _run(self, work: Callable[[], bytes]) -> bytes:
        return await self._threads.run(self._measured(work))

    def _measured(self, work: Callable[[], bytes]) -> Callable[[], bytes]:
        """The same work, which tells the telemetry what it took, for the call that asks now."""
        call = current_call()
        if call is None:
            return work
        method, labels, trace = call.method, exemplar(), current_trace()

        def measured() -> bytes:
            started = time.monotonic()
            ending: BaseException | None = None
            try:
                return work()
            except BaseException as error:
                ending = error
                raise
            finally:
                ended = time.monotonic()
                seconds, code = ended - started, code_of(ending)
                self._stages.observe("encode", "", method, code, seconds, labels)
                if trace is not None:
                    trace.stage(Stage("encode", started, ended, error=name_of(ending)))

        return measured


def _takes_no_time(pictures: Sequence[Work], form: OutputFormat) -> bool:
    """Whether encoding takes less than handing it to threads: the copy of pixels, a small PNG."""
    if form is OutputFormat.RAW_RGB8:
        return True
    return form is OutputFormat.PNG and sum(work.pixels.size for work in pictures) <= _FEW_BYTES
