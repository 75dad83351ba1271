"""The caller's own picture: decode, paint, encode."""

from __future__ import annotations

import math
from functools import partial

from server.engines.base import Deadline
from server.generation.answers import Answer, EncodedPicture, Origin
from server.generation.decoding import PictureFile
from server.generation.encoding import Work
from server.generation.parts import Parts
from server.generation.provenance import (
    PAINTED_OVER,
    origin_recipe,
    painting_recipe,
)
from server.generation.requests import StylizationRequest
from server.generation.timings import Timings
from server.generation.urgency import Urgency
from server.telemetry.current import name_model

# A painted picture, in which admission counts, is 256x256; decoding is as much work as painting a
# thirtieth of the pixels.
_PIXELS_PER_PICTURE = 256 * 256
_DECODED_PER_PICTURE = 30 * _PIXELS_PER_PICTURE


class Stylization:
    """Answers stylization requests.

    Args:
        parts: what all answering shares.
    """

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts

    async def one(self, request: StylizationRequest, deadline: Deadline) -> Answer:
        """The request's picture, painted.

        Raises:
            InvalidArgument: the picture cannot be read, or the style is unknown.
            Overloaded: the server is full.
            DeadlineExceeded: the deadline passed before a stage began.
            ImpastoError: whatever else the engine raises.
        """
        stylizer = self._parts.catalogue.default.stylizer
        name_model(stylizer.model, 1)
        stylizer.check(request)
        self._parts.keeping.check(request.store)
        self._parts.encoder.check(request)
        urgency = Urgency(deadline, request.priority)
        timings, threads = Timings(), self._parts.threads
        read = partial(PictureFile, request.picture, "picture", request.max_side)
        # Even the header of a file that somebody sends is work, and not for the event loop.
        with self._parts.admission.admit(1 + bool(request.style_picture)) as places:
            file = await threads.run(read)
            places.add(_cost(file) - 1)
            urgency.check("decoding")
            with timings.measure("decode"):
                image = await threads.run(file.pixels)
            urgency.check("the stylizer")
            code = await stylizer.code(request, request.preserve_colour, urgency)
            painted = await stylizer.paint(image, code, urgency)
            timings.add_models(painted.stages)
            urgency.check("encoding")
            origin = Origin(stylizer.model, painted.version)
            recipe = origin_recipe(origin) | painting_recipe(request)
            with timings.measure("encode"):
                work = Work(painted.pixels[0], PAINTED_OVER, recipe, request.picture)
                (data,) = await self._parts.encoder.encode_all([work], request)
        height, width = painted.pixels.shape[1:3]
        pictures = [EncodedPicture(data, width, height, recipe=recipe)]
        kept = await self._parts.keeping.keep(pictures, request, origin, timings)
        return Answer(kept, origin, timings)


def _cost(file: PictureFile) -> int:
    """What a file takes, in painted pictures."""
    painted = file.width * file.height / _PIXELS_PER_PICTURE
    return math.ceil(max(painted, file.source_pixels / _DECODED_PER_PICTURE))
