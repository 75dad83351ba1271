"""Pictures from seeds or latents: draft, rank, paint, encode."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from server.engines.base import Deadline
from server.errors import InvalidArgument
from server.generation.answers import Answer, EncodedPicture, Origin, StreamedPicture
from server.generation.chain import Chain, Draft, batches
from server.generation.encoding import Work
from server.generation.latents import given_latents, latents
from server.generation.parts import Parts
from server.generation.provenance import (
    GENERATED,
    origin_recipe,
    painting_recipe,
    seed_text,
)
from server.generation.requests import GenerationRequest
from server.generation.timings import Timings
from server.generation.urgency import Urgency
from server.generation.windows import as_done, gathered
from server.telemetry.current import name_model

# A candidate is a picture of a sixteenth of the pixels, and never painted.
_CANDIDATES_PER_PICTURE = 8
# So many latents are drawn in less time than a thread takes to begin.
_FEW_SEEDS = 8


@dataclass(frozen=True)
class _Chosen:
    """The winners among the candidates, one row per picture."""

    draft: Draft
    seeds: list[int | None]
    scores: list[float | None]


class Generation:
    """Answers generation requests.

    Args:
        parts: what they all share.
    """

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts

    async def all(self, request: GenerationRequest, deadline: Deadline) -> Answer:
        """The request's pictures, in the order of their seeds or latents.

        Raises:
            InvalidArgument: it asks for what is not served here.
            Overloaded: the server is full.
            DeadlineExceeded: the deadline passed before a stage began.
            ImpastoError: whatever else the engine raises.
        """
        chain = self._chain(request)
        make = partial(self._make_all, chain, request)
        answer = await self._parts.cache.answer(request, deadline, make)
        return await self._kept(answer, request)

    async def _make_all(
        self, chain: Chain, request: GenerationRequest, deadline: Deadline
    ) -> Answer:
        urgency = Urgency(deadline, request.priority)
        count = request.pictures
        with self._parts.admission.admit(_cost(chain, request, count)):
            code = await self._code(chain, request, urgency)
            return await self._make(chain, request, range(count), code, urgency, Timings())

    async def each(
        self, request: GenerationRequest, deadline: Deadline, timings: Timings
    ) -> AsyncGenerator[StreamedPicture, None]:
        """The request's pictures one by one, as soon as each is done.

        So many as make one batch are under way at a time, and no more are admitted.

        Raises:
            ImpastoError: as `all`.
        """
        chain = self._chain(request)
        urgency = Urgency(deadline, request.priority)
        window = min(request.pictures, chain.batch)
        each_costs = _cost(chain, request, 1)
        with self._parts.admission.admit(_cost(chain, request, window)) as places:
            code = await self._code(chain, request, urgency)
            places.pause()

            async def one(index: int) -> StreamedPicture:
                wanted = range(index, index + 1)
                with places.working(each_costs):
                    answer = await self._make(chain, request, wanted, code, urgency, timings)
                answer = await self._kept(answer, request)
                return StreamedPicture(index, answer.pictures[0], answer.origin)

            works = (one(index) for index in range(request.pictures))
            async for picture in as_done(works, window):
                yield picture

    def _chain(self, request: GenerationRequest) -> Chain:
        """The chain that can do what is asked for."""
        chain = self._parts.catalogue.chain(request.model)
        name_model(chain.model, request.pictures)
        self._parts.keeping.check(request.store)
        self._parts.check_count("count", request.pictures)
        self._parts.encoder.check(request)
        chain.stylizer.check(request)
        chain.class_of(request.label)
        chain.size_of(request.size)
        if request.candidates > 1 and chain.ranking is None:
            raise InvalidArgument(
                "candidates", f"1: {chain.model} has no discriminator", request.candidates
            )
        if request.latents:
            given_latents(request.latents, chain.latent_size, "latents")
        return chain

    async def _kept(self, answer: Answer, request: GenerationRequest) -> Answer:
        """The answer, its pictures stored where that is wanted."""
        keep = self._parts.keeping.keep
        pictures = await keep(answer.pictures, request, answer.origin, answer.timings)
        return answer._replace(pictures=pictures)

    async def _code(self, chain: Chain, request: GenerationRequest, urgency: Urgency) -> np.ndarray:
        urgency.check("the chain")
        return await chain.stylizer.code(request, request.preserve_colour, urgency)

    async def _make(
        self,
        chain: Chain,
        request: GenerationRequest,
        wanted: range,
        code: np.ndarray,
        urgency: Urgency,
        timings: Timings,
    ) -> Answer:
        """Some of the request's pictures, painted by one style code [code_size]."""
        chosen = await self._chosen(chain, request, wanted, urgency, timings)
        codes = np.repeat(code[None], len(wanted), axis=0)
        with timings.measure("chain"):
            made = await chain.run(chosen.draft, codes, chain.size_of(request.size), urgency)
        timings.add_models(made.stages)
        origin = Origin(chain.model, made.version)
        labels = [chain.label(int(number)) for number in chosen.draft.labels]
        works = [
            Work(made.pixels[row], GENERATED, recipe)
            for row, recipe in enumerate(_recipes(request, origin, chosen, labels))
        ]
        urgency.check("encoding")
        with timings.measure("encode"):
            data = await self._parts.encoder.encode_all(works, request)
        rows = zip(data, chosen.seeds, labels, chosen.scores, works, strict=True)
        height, width = made.pixels.shape[1:3]
        pictures = [
            EncodedPicture(encoded, width, height, seed, label, score, work.recipe)
            for encoded, seed, label, score, work in rows
        ]
        return Answer(pictures, origin, timings)

    async def _chosen(
        self,
        chain: Chain,
        request: GenerationRequest,
        wanted: range,
        urgency: Urgency,
        timings: Timings,
    ) -> _Chosen:
        """What the wanted pictures are made from."""
        classes = max(len(chain.classes), 1)
        known = chain.class_of(request.label)
        none: list[None] = [None] * len(wanted)
        if request.latents:
            rows = given_latents(request.latents[wanted.start : wanted.stop], chain.latent_size, "")
            labels = np.full(len(wanted), known or 0)
            return _Chosen(Draft(rows, labels), list(none), list(none))
        per_picture = request.candidates
        seeds = request.seeds(wanted)
        labels = np.array(
            [request.turn(index) % classes if known is None else known for index in wanted]
        )
        draw = partial(latents, seeds, chain.latent_size, request.truncation)
        few = len(seeds) <= _FEW_SEEDS
        rows = draw() if few else await self._parts.threads.run(draw)
        draft = Draft(rows, np.repeat(labels, per_picture))
        if per_picture == 1:
            return _Chosen(draft, list(seeds), list(none))
        with timings.measure("rank"):
            scores = await _scores(chain, draft, urgency)
        grouped = scores.reshape(len(wanted), per_picture)
        best = grouped.argmax(axis=1) + np.arange(len(wanted)) * per_picture
        return _Chosen(
            draft.part(best), [seeds[row] for row in best], [float(scores[row]) for row in best]
        )


def _recipes(
    request: GenerationRequest, origin: Origin, chosen: _Chosen, labels: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """What makes each picture again."""
    shared = (
        origin_recipe(origin)
        | painting_recipe(request)
        | {
            "truncation": request.truncation,
            "size": request.size or None,
        }
    )
    for row, (seed, label) in enumerate(zip(chosen.seeds, labels, strict=True)):
        latent = chosen.draft.latents[row].tolist() if seed is None else None
        yield shared | {"seed": seed_text(seed), "latent": latent, "label": label}


async def _scores(chain: Chain, draft: Draft, urgency: Urgency) -> np.ndarray:
    assert chain.ranking is not None
    urgency.check("ranking")
    scores = await gathered(
        chain.ranking.scores(chain.inputs(draft.part(part)), urgency)
        for part in batches(len(draft.labels), chain.batch)
    )
    return np.concatenate(scores)


def _cost(chain: Chain, request: GenerationRequest, pictures: int) -> int:
    """What so many of the request's pictures take, in painted pictures."""
    ranked = pictures * request.candidates if request.candidates > 1 else 0
    encoded = 1 if request.style_picture else 0
    return (
        pictures * chain.cost(request.size) + math.ceil(ranked / _CANDIDATES_PER_PICTURE) + encoded
    )
