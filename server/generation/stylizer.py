"""The stylizer as the gateway knows it: its styles, its style encoder, its painting."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from server.engines.base import Engine, StageTiming
from server.errors import InvalidArgument
from server.generation.decoding import PictureFile
from server.generation.generator import IMAGE
from server.generation.requests import StyleChoice
from server.generation.styles import StyleTable
from server.generation.urgency import Urgency
from server.threads import Threads

STYLE_CODE = "style_code"
PIXELS = "pixels"
# The encoder looks at 160 pixels; more would only be carried about.
_STYLE_PICTURE_SIDE = 320


class Painted(NamedTuple):
    """Pixels uint8 [1, height, width, 3], the stylizer's version, and how long it took."""

    pixels: np.ndarray
    version: str
    stages: Sequence[StageTiming]


class Stylizer:
    """One stylizer of the repository.

    Attributes:
        model: its name.
        table: its named styles.
        encoder: the model that reads styles off pictures; empty: none is served.

    Args:
        engine: what serves it.
        model: its name.
        table: its named styles.
        encoder: the model that reads styles off pictures; empty: none is served.
        threads: where picture files are decoded.
    """

    def __init__(
        self, engine: Engine, model: str, table: StyleTable, encoder: str, threads: Threads
    ) -> None:
        """Keep the parts."""
        self.model = model
        self.table = table
        self.encoder = encoder
        self._engine = engine
        self._threads = threads

    @property
    def reads_pictures(self) -> bool:
        """Whether there is a style encoder."""
        return bool(self.encoder)

    def check(self, choice: StyleChoice) -> None:
        """Check that the style exists.

        Raises:
            InvalidArgument: it does not, or styles cannot be read off pictures here.
        """
        for name in choice.weights:
            if name not in self.table.names:
                known = ", ".join(self.table.names)
                field = "style" if choice.style else "style_mix.style"
                raise InvalidArgument(field, f"one of {known}, or none", repr(name))
        if choice.style_picture and not self.reads_pictures:
            raise InvalidArgument("style_picture", "none: there is no style encoder", "a picture")

    async def code(
        self, choice: StyleChoice, preserve_colour: bool, urgency: Urgency
    ) -> np.ndarray:
        """The style code float32 [code_size] of a checked choice.

        Raises:
            InvalidArgument: the style picture is none.
            ImpastoError: whatever the engine raises.
        """
        if not choice.weights and not choice.style_picture:
            return self.table.mix({})
        if choice.style_picture:
            full = await self._encoded(choice.style_picture, urgency)
        else:
            full = self.table.mix(choice.weights)
        return self.table.weakened(full, choice.style_strength, preserve_colour)

    async def _encoded(self, picture: bytes, urgency: Urgency) -> np.ndarray:
        image = await self._threads.run(partial(_decoded, picture))
        request = urgency.request(self.encoder, {IMAGE: image})
        code: np.ndarray = (await self._engine.infer(request)).outputs[STYLE_CODE][0]
        return code

    async def paint(self, image: np.ndarray, code: np.ndarray, urgency: Urgency) -> Painted:
        """Paint one picture float32 [1, 3, H, W] in [-1, 1] by a style code [code_size].

        Raises:
            ImpastoError: whatever the engine raises.
        """
        inputs = {IMAGE: image, STYLE_CODE: code[None]}
        result = await self._engine.infer(urgency.request(self.model, inputs))
        return Painted(result.outputs[PIXELS], result.version, result.stages)


def _decoded(picture: bytes) -> np.ndarray:
    return PictureFile(picture, "style_picture", _STYLE_PICTURE_SIDE).pixels()
