"""A walk from one picture to another: latents along an arc, style codes along a line."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import numpy as np

from server.engines.base import Deadline
from server.generation.answers import EncodedPicture, Origin, StreamedPicture
from server.generation.chain import Chain, Draft
from server.generation.encoding import Work
from server.generation.latents import given_latents, latents, walk
from server.generation.parts import Parts
from server.generation.provenance import (
    GENERATED,
    origin_recipe,
    seed_text,
    style_recipe,
    told,
)
from server.generation.requests import InterpolationRequest, Waypoint
from server.generation.timings import Timings
from server.generation.urgency import Urgency
from server.generation.windows import in_order
from server.telemetry.current import name_model


class Interpolation:
    """Answers interpolation requests.

    Args:
        parts: what all answering shares.
    """

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts

    async def each(
        self, request: InterpolationRequest, deadline: Deadline, timings: Timings
    ) -> AsyncGenerator[StreamedPicture, None]:
        """The frames in their order, or one animation.

        Raises:
            InvalidArgument: it asks for what is not served here.
            Overloaded: the server is full.
            DeadlineExceeded: the deadline passed before a stage began.
            ImpastoError: whatever else the engine raises.
        """
        chain = self._chain(request)
        urgency = Urgency(deadline, request.priority)
        ends = [_latent(chain, point, name) for name, point in _ends(request)]
        window = request.frames if request.animation else min(request.frames, chain.batch)
        pictures_read = sum(bool(point.style_picture) for _, point in _ends(request))
        each_costs = chain.cost(request.size)
        with self._parts.admission.admit(window * each_costs + pictures_read) as places:
            urgency.check("the chain")
            codes = [
                await chain.stylizer.code(point, request.preserve_colour, urgency)
                for _, point in _ends(request)
            ]
            positions = np.linspace(0.0, 1.0, request.frames)
            labels = np.full(request.frames, chain.class_of(request.label) or 0)
            draft = Draft(walk(ends[0], ends[1], positions), labels)
            weights = positions[:, None].astype(np.float32)
            path = (1 - weights) * codes[0] + weights * codes[1]
            if request.animation:
                made = await self._animation(chain, request, draft, path, urgency, timings)
                places.finish()
                yield made
                return
            places.pause()

            async def frame(index: int) -> StreamedPicture:
                rows = slice(index, index + 1)
                with places.working(each_costs):
                    return await self._frame(
                        chain, request, draft.part(rows), path[rows], index, urgency, timings
                    )

            works = (frame(index) for index in range(request.frames))
            async for picture in in_order(works, window):
                yield picture

    def _chain(self, request: InterpolationRequest) -> Chain:
        chain = self._parts.catalogue.chain(request.model)
        name_model(chain.model, request.frames)
        self._parts.keeping.check(request.store)
        self._parts.check_count("frames", request.frames)
        self._parts.encoder.check(request)
        for _, point in _ends(request):
            chain.stylizer.check(point)
        chain.class_of(request.label)
        chain.size_of(request.size)
        return chain

    async def _frame(
        self,
        chain: Chain,
        request: InterpolationRequest,
        draft: Draft,
        codes: np.ndarray,
        index: int,
        urgency: Urgency,
        timings: Timings,
    ) -> StreamedPicture:
        urgency.check("a frame")
        made = await chain.run(draft, codes, chain.size_of(request.size), urgency)
        timings.add_models(made.stages)
        origin = Origin(chain.model, made.version)
        position = index / (request.frames - 1)
        recipe = _recipe(chain, request, origin) | {"position": position}
        with timings.measure("encode"):
            (data,) = await self._parts.encoder.encode_all(
                [Work(made.pixels[0], GENERATED, recipe)], request
            )
        height, width = made.pixels.shape[1:3]
        label = chain.label(int(draft.labels[0]))
        picture = EncodedPicture(data, width, height, label=label, recipe=recipe)
        return await self._finished(request, StreamedPicture(index, picture, origin), timings)

    async def _animation(
        self,
        chain: Chain,
        request: InterpolationRequest,
        draft: Draft,
        codes: np.ndarray,
        urgency: Urgency,
        timings: Timings,
    ) -> StreamedPicture:
        made = await chain.run(draft, codes, chain.size_of(request.size), urgency)
        timings.add_models(made.stages)
        urgency.check("encoding")
        origin = Origin(chain.model, made.version)
        recipe = _recipe(chain, request, origin)
        work = Work(made.pixels, GENERATED, recipe)
        with timings.measure("encode"):
            data = await self._parts.encoder.animate(work, request, request.frame_milliseconds)
        label = chain.label(int(draft.labels[0]))
        height, width = made.pixels.shape[1:3]
        picture = EncodedPicture(data, width, height, label=label, recipe=recipe)
        return await self._finished(request, StreamedPicture(0, picture, origin), timings)

    async def _finished(
        self, request: InterpolationRequest, made: StreamedPicture, timings: Timings
    ) -> StreamedPicture:
        """The picture, stored where that is wanted."""
        keep = self._parts.keeping.keep
        (picture,) = await keep([made.picture], request, made.origin, timings)
        return replace(made, picture=picture)


def _ends(request: InterpolationRequest) -> tuple[tuple[str, Waypoint], tuple[str, Waypoint]]:
    return ("start", request.start), ("end", request.end)


def _recipe(chain: Chain, request: InterpolationRequest, origin: Origin) -> dict[str, Any]:
    """What makes a walk again."""
    ends = {
        name: style_recipe(point) | {"seed": seed_text(point.seed), "latent": point.latent}
        for name, point in _ends(request)
    }
    return {
        **origin_recipe(origin),
        **{name: told(end) for name, end in ends.items()},
        "frames": request.frames,
        "size": request.size or None,
        "label": chain.label(chain.class_of(request.label) or 0),
        "preserve_colour": request.preserve_colour or None,
    }


def _latent(chain: Chain, point: Waypoint, name: str) -> np.ndarray:
    if point.seed is not None:
        row: np.ndarray = latents([point.seed], chain.latent_size)[0]
    else:
        row = given_latents([point.latent], chain.latent_size, f"{name}.latent")[0]
    return row
