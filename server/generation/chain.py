"""The chain: latents and style codes go in, pixels come out; one ensemble does the work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import (
    Engine,
    InferenceResult,
    StageTiming,
)
from server.errors import InvalidArgument, NotFound, StartupError
from server.generation.generator import IMAGE, Generator, enlarge
from server.generation.ranking import Ranking
from server.generation.stylizer import PIXELS, STYLE_CODE, Painted, Stylizer
from server.generation.urgency import Urgency
from server.generation.windows import gathered
from server.threads import Threads

LATENT = "latent"
LABEL = "label"
_SMALL_SIDE = 128


class Draft(NamedTuple):
    """What pictures are made from, one row each.

    Attributes:
        latents: float32 [pictures, latent_size].
        labels: int64 [pictures], numbers of classes; ignored by a model without classes.
    """

    latents: np.ndarray
    labels: np.ndarray

    def part(self, rows: slice | np.ndarray) -> Draft:
        """Some of the pictures."""
        return Draft(self.latents[rows], self.labels[rows])


@dataclass(frozen=True)
class ChainResult:
    """What the chain made of one request.

    Attributes:
        pixels: uint8 [pictures, height, width, 3].
        version: the ensemble's version that made them.
        stages: how long each model took, per part of the request.
    """

    pixels: np.ndarray
    version: str
    stages: Sequence[StageTiming] = ()


class PictureModel(NamedTuple):
    """An ensemble that makes painted pictures.

    Attributes:
        name: of the model.
        width: of its pictures, in pixels.
        height: of its pictures, in pixels.
        batch: greatest number of pictures that it makes at once.
    """

    name: str
    width: int
    height: int
    batch: int

    @classmethod
    def of(cls, config: ModelConfig) -> PictureModel:
        """That of a configuration in which `chain_fault` found none."""
        height, width = next(item.dims[:2] for item in config.output if item.name == PIXELS)
        return cls(config.name, width, height, config.max_batch_size)

    @property
    def side(self) -> int:
        """Pixels on the longer side."""
        return max(self.width, self.height)


class ChainParts(NamedTuple):
    """What a chain's ensemble is made of, and what helps.

    Attributes:
        generator: makes the small pictures.
        stylizer: paints them.
        ranking: judges candidates; None without a discriminator.
        classes: names of the classes that the generator knows.
        own_size: paints the small pictures as they are; None: the models do it in turn.
        threads: where pictures are enlarged.
    """

    generator: Generator
    stylizer: Stylizer
    ranking: Ranking | None
    classes: tuple[str, ...]
    own_size: PictureModel | None
    threads: Threads


class Chain:
    """One picture-making ensemble, with the stylizer that is its last step.

    Attributes:
        model: the ensemble's name.
        stylizer: what paints.
        ranking: what judges candidates; None without a discriminator.
        classes: names of the classes that its generator knows.
        own_size: what paints its generator's pictures as they are; None where nothing is.
        latent_size: length of a latent.
        width: of its pictures, in pixels.
        height: of its pictures, in pixels.
        batch: greatest number of pictures that it makes at once.
        sizes: sides in pixels that its pictures can have; their own is `width`.

    Args:
        engine: what serves the ensemble.
        config: the ensemble's configuration, in which `chain_fault` found none.
        parts: its models, apart.
    """

    def __init__(
        self,
        engine: Engine,
        config: ModelConfig,
        parts: ChainParts,
    ) -> None:
        """Keep the parts.

        Raises:
            StartupError: there are not as many names as classes.
        """
        self.model = config.name
        self.stylizer = parts.stylizer
        self.ranking = parts.ranking
        self.classes = parts.classes
        self.own_size = parts.own_size
        self._generator = parts.generator
        self._threads = parts.threads
        self._engine = engine
        self._ensemble = PictureModel.of(config)
        _, self.width, self.height, self.batch = self._ensemble
        sizes = {item.name: item.dims[0] for item in config.input}
        self.latent_size = sizes[LATENT]
        if sizes.get(LABEL, 0) != len(self.classes):
            raise StartupError(
                f"model {config.name!r}: {LABEL} has {sizes.get(LABEL, 0)} classes, the generator "
                f"names {len(self.classes)}; mend impasto.classes in the generator's config.pbtxt"
            )
        self.sizes = tuple(sorted({*parts.generator.sizes, self._ensemble.side}))

    @property
    def roles(self) -> dict[str, str]:
        """What each of its models does, by the model's name."""
        roles = {self._generator.model: "generator", self.stylizer.model: "stylizer"}
        if self.ranking is not None:
            roles[self.ranking.discriminator] = "discriminator"
        if self.stylizer.encoder:
            roles[self.stylizer.encoder] = "style_encoder"
        return roles

    def class_of(self, label: str) -> int | None:
        """The number of a class; None where none is named.

        Raises:
            InvalidArgument: there is no such class.
        """
        if not label:
            return None
        if label not in self.classes:
            known = f"one of {', '.join(self.classes)}, or none" if self.classes else "none"
            raise InvalidArgument("label", known, repr(label))
        return self.classes.index(label)

    def size_of(self, size: int) -> int:
        """The longer side in pixels that a request means; 0 is the chain's own.

        Raises:
            InvalidArgument: there is no such size.
        """
        if not size:
            return self._ensemble.side
        if size not in self.sizes:
            raise InvalidArgument("size", f"one of {', '.join(map(str, self.sizes))}", size)
        return size

    def cost(self, size: int) -> int:
        """What a picture of that size takes, in painted pictures of the chain's own size."""
        return math.ceil((self.size_of(size) / self._ensemble.side) ** 2)

    def label(self, number: int) -> str:
        """The name of a class; empty without classes."""
        return self.classes[number] if self.classes else ""

    async def version(self) -> str:
        """The version that answers.

        Raises:
            NotFound: the ensemble is not served any more.
        """
        return (await self._engine.versions(self.model))[-1]

    async def warm_up(self) -> None:
        """Make a picture of each ensemble.

        A model's first run allocates memory that no caller should wait for.

        Raises:
            StartupError: a picture is not of the declared size.
        """
        draft = Draft(np.ones((1, self.latent_size), np.float32), np.zeros(1, np.int64))
        code = self.stylizer.table.mix({})[None]
        for ensemble in filter(None, (self._ensemble, self.own_size)):
            result = await self._run_ensemble(ensemble, draft, code, Urgency())
            made, declared = result.pixels.shape[1:], (ensemble.height, ensemble.width, 3)
            if made != declared:
                raise StartupError(
                    f"model {ensemble.name!r}: {PIXELS} is declared as {list(declared)}, the "
                    f"models make {list(made)}; mend its config.pbtxt"
                )
        if self.ranking is not None:
            await self.ranking.scores(self.inputs(draft), Urgency())

    async def run(
        self, draft: Draft, codes: np.ndarray, size: int, urgency: Urgency
    ) -> ChainResult:
        """Make the pictures of a draft, painted by style codes float32 [pictures, code_size].

        The sizes that no ensemble makes come out of its models in turn.

        Args:
            draft: what the pictures are made from.
            codes: how they are painted.
            size: pixels on the longer side, one of `sizes`.
            urgency: of the request.

        Raises:
            ImpastoError: whatever the engine raises; the other parts are cancelled then.
        """
        if size == self._ensemble.side:
            return await self._run_ensemble(self._ensemble, draft, codes, urgency)
        version = await self.version()
        if self.own_size is not None and size == self.own_size.side:
            # Where an admin has unloaded it, its models do without.
            with suppress(NotFound):
                made = await self._run_ensemble(self.own_size, draft, codes, urgency)
                return replace(made, version=version)
        painted = await gathered(
            self._paint_sized(draft.part(rows), codes[rows][0], size, urgency)
            for rows in batches(len(codes), 1)
        )
        stages = [timing for picture in painted for timing in picture.stages]
        return ChainResult(np.concatenate([each.pixels for each in painted]), version, stages)

    async def _paint_sized(
        self, draft: Draft, code: np.ndarray, size: int, urgency: Urgency
    ) -> Painted:
        made = await self._generator.images(self.inputs(draft), urgency)
        image = made.outputs[IMAGE][0]
        if size <= _SMALL_SIDE:
            # Takes less than handing it to a thread.
            canvas = enlarge(image, size)
        else:
            canvas = await self._threads.run(partial(enlarge, image, size))
        urgency.check("the stylizer")
        painted = await self.stylizer.paint(canvas, code, urgency)
        return painted._replace(stages=[*made.stages, *painted.stages])

    def inputs(self, draft: Draft) -> dict[str, np.ndarray]:
        """The generator's inputs."""
        inputs = {LATENT: draft.latents}
        if self.classes:
            inputs[LABEL] = np.eye(len(self.classes), dtype=np.float32)[draft.labels]
        return inputs

    async def _run_ensemble(
        self, ensemble: PictureModel, draft: Draft, codes: np.ndarray, urgency: Urgency
    ) -> ChainResult:
        """Run an ensemble; what is above its max_batch_size is cut into several requests."""
        if len(codes) <= ensemble.batch:
            result = await self._run_part(ensemble.name, draft, codes, urgency)
            return ChainResult(result.outputs[PIXELS], result.version, result.stages)
        results = await gathered(
            self._run_part(ensemble.name, draft.part(rows), codes[rows], urgency)
            for rows in batches(len(codes), ensemble.batch)
        )
        pixels = np.concatenate([result.outputs[PIXELS] for result in results])
        stages = [timing for result in results for timing in result.stages]
        return ChainResult(pixels, results[0].version, stages)

    async def _run_part(
        self, model: str, draft: Draft, codes: np.ndarray, urgency: Urgency
    ) -> InferenceResult:
        inputs = {**self.inputs(draft), STYLE_CODE: codes}
        return await self._engine.infer(urgency.request(model, inputs))


def batches(pictures: int, most: int) -> Iterator[slice]:
    """Rows of at most so many pictures each."""
    for first in range(0, pictures, most):
        yield slice(first, min(first + most, pictures))


def chain_fault(config: ModelConfig) -> str:
    """Why an ensemble is no chain; empty where it is one."""
    inputs = {
        item.name: (item.data_type, len(item.dims), min(item.dims, default=0))
        for item in config.input
    }
    outputs = {item.name: item for item in config.output}
    if config.max_batch_size < 1:
        return f"expected max_batch_size of at least 1, got {config.max_batch_size}"
    vector = model_config_pb2.TYPE_FP32, 1
    fits = inputs.keys() - {LABEL} == {LATENT, STYLE_CODE} and PIXELS in outputs
    fits = fits and all(kind[:2] == vector and kind[2] > 0 for kind in inputs.values())
    if fits:
        pixels = outputs[PIXELS]
        fits = pixels.data_type == model_config_pb2.TYPE_UINT8 and len(pixels.dims) == 3
        fits = fits and min(pixels.dims) > 0 and pixels.dims[2] == 3
    if fits:
        return ""
    return (
        f"expected inputs {LATENT!r}, {STYLE_CODE!r} and perhaps {LABEL!r}, FP32 of one fixed "
        f"dimension, and output {PIXELS!r}, UINT8 [height, width, 3]; got inputs {sorted(inputs)} "
        f"and outputs {sorted(outputs)}"
    )
