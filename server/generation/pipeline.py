"""A request's way through the core: admission, chain, encoding."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from server.engines.base import Deadline
from server.generation.admission import Admission
from server.generation.chain import Chain
from server.generation.encoding import encode
from server.generation.requests import GenerationRequest, OutputFormat
from server.telemetry.metrics import Metrics


@dataclass(frozen=True)
class EncodedPicture:
    """One finished picture; width and height in pixels."""

    data: bytes
    seed: int
    width: int
    height: int


@dataclass(frozen=True)
class GeneratedPictures:
    """The pictures of one request, and the chain's version that made them."""

    pictures: list[EncodedPicture]
    version: str


class Pipeline:
    """Makes the pictures of validated requests.

    Attributes:
        chain: what makes the pixels.

    Args:
        chain: what makes the pixels.
        admission: what refuses work.
        metrics: where stage latencies go.
    """

    def __init__(self, chain: Chain, admission: Admission, metrics: Metrics) -> None:
        """Start the encoding threads."""
        self.chain = chain
        self._admission = admission
        self._metrics = metrics
        self._encoders = ThreadPoolExecutor(os.cpu_count(), "encode")

    async def generate(self, request: GenerationRequest, deadline: Deadline) -> GeneratedPictures:
        """The request's pictures, in the order of their seeds.

        Raises:
            Overloaded: the server is full.
            DeadlineExceeded: the deadline passed before a stage began.
            ImpastoError: whatever else the engine raises.
        """
        with self._admission.admit(request.count):
            deadline.check("the chain")
            code = self.chain.styles.code(request.style, request.strength, request.preserve_colour)
            made = await self.chain.run(request.seeds, code, deadline)
            for stage in made.stages:
                self._metrics.observe_stage(stage)
            deadline.check("encoding")
            data = await self._encode_all(made.pixels, request.format)
            height, width = made.pixels.shape[1:3]
            pictures = [
                EncodedPicture(encoded, seed, width, height)
                for encoded, seed in zip(data, request.seeds, strict=True)
            ]
            return GeneratedPictures(pictures, made.version)

    async def _encode_all(self, pixels: np.ndarray, output_format: OutputFormat) -> list[bytes]:
        if output_format is OutputFormat.RAW_RGB8:
            # Copying a picture takes less than handing it to a thread.
            return [self._encode(picture, output_format) for picture in pixels]
        loop = asyncio.get_running_loop()
        work = (
            loop.run_in_executor(self._encoders, self._encode, picture, output_format)
            for picture in pixels
        )
        return await asyncio.gather(*work)

    def _encode(self, pixels: np.ndarray, output_format: OutputFormat) -> bytes:
        started = time.monotonic()
        data = encode(pixels, output_format)
        self._metrics.encode_seconds.observe(time.monotonic() - started)
        return data

    def close(self) -> None:
        """Free the encoding threads."""
        self._encoders.shutdown()
