"""The chain: seeds and a style code go in, pixels come out; one ensemble does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import (
    NEVER,
    Deadline,
    Engine,
    InferenceRequest,
    InferenceResult,
    StageTiming,
)
from server.errors import ModelLoadError, NotFound, StartupError
from server.generation.latents import latents
from server.generation.styles import StyleTable

LATENT = "latent"
STYLE_CODE = "style_code"
PIXELS = "pixels"
# Parameter of a stylizer's config.pbtxt: its style table, relative to the model's folder.
STYLE_TABLE_PARAMETER = "impasto.style_table"


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
    stages: list[StageTiming]


class Chain:
    """One picture-making ensemble and its styles.

    Attributes:
        model: the ensemble's name.
        styles: its stylizer's style table.

    Args:
        engine: what serves the ensemble.
        config: the ensemble's configuration; `of` checks it.
        style_table: the file of its stylizer's style codes.
    """

    def __init__(self, engine: Engine, config: ModelConfig, style_table: Path) -> None:
        """Read the style table.

        Raises:
            StartupError: it is broken.
        """
        self.model = config.name
        self._engine = engine
        self._max_batch_size = config.max_batch_size
        sizes = {item.name: item.dims[0] for item in config.input}
        self._latent_size = sizes[LATENT]
        self.styles = StyleTable(style_table, sizes[STYLE_CODE])

    @classmethod
    async def of(cls, engine: Engine, model: str, repository: Path) -> Chain:
        """The chain that the ensemble `model` makes; its style table lies in `repository`.

        Raises:
            StartupError: the ensemble is not served, or makes no pictures.
        """
        try:
            config = await engine.config(model)
        except NotFound as error:
            raise StartupError(f"{error}; choose another --model") from error
        _check_tensors(config)
        return cls(engine, config, await _style_table_path(engine, config, repository))

    async def warm_up(self) -> None:
        """Make one picture: a model's first run allocates memory that no caller should wait for.

        Raises:
            StartupError: the picture is not of the declared size.
        """
        pixels = (await self.run([0], self.styles.code(None), NEVER)).pixels
        config = await self._engine.config(self.model)
        declared = next(list(item.dims) for item in config.output if item.name == PIXELS)
        if list(pixels.shape[1:]) != declared:
            raise StartupError(
                f"model {self.model!r}: {PIXELS} is declared as {declared}, the "
                f"models make {list(pixels.shape[1:])}; mend its config.pbtxt"
            )

    async def run(self, seeds: Sequence[int], code: np.ndarray, deadline: Deadline) -> ChainResult:
        """Make one picture per seed, all painted by the style code float32 [code_size].

        Requests above the ensemble's max_batch_size are cut into several.

        Raises:
            ImpastoError: whatever the engine raises; the other parts are cancelled then.
        """
        size = self._max_batch_size
        if len(seeds) <= size:
            result = await self._run_part(seeds, code, deadline)
            return ChainResult(result.outputs[PIXELS], result.version, list(result.stages))
        parts = [seeds[first : first + size] for first in range(0, len(seeds), size)]
        tasks = [asyncio.ensure_future(self._run_part(part, code, deadline)) for part in parts]
        try:
            results = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        pixels = np.concatenate([result.outputs[PIXELS] for result in results])
        stages = [timing for result in results for timing in result.stages]
        return ChainResult(pixels, results[0].version, stages)

    async def _run_part(
        self, seeds: Sequence[int], code: np.ndarray, deadline: Deadline
    ) -> InferenceResult:
        inputs = {
            LATENT: latents(seeds, self._latent_size),
            STYLE_CODE: np.repeat(code[None], len(seeds), axis=0),
        }
        return await self._engine.infer(InferenceRequest(self.model, inputs, deadline=deadline))


def _check_tensors(config: ModelConfig) -> None:
    """Check that the ensemble speaks the chain's tensors."""
    inputs = {
        item.name: (item.data_type, len(item.dims), min(item.dims, default=0))
        for item in config.input
    }
    outputs = {item.name: item for item in config.output}
    if config.max_batch_size < 1:
        raise StartupError(
            f"model {config.name!r}: expected max_batch_size of at least 1, got "
            f"{config.max_batch_size}; mend its config.pbtxt"
        )
    vector = model_config_pb2.TYPE_FP32, 1
    fits = inputs.keys() == {LATENT, STYLE_CODE} and PIXELS in outputs
    fits = fits and all(kind[:2] == vector and kind[2] > 0 for kind in inputs.values())
    if fits:
        pixels = outputs[PIXELS]
        fits = pixels.data_type == model_config_pb2.TYPE_UINT8 and len(pixels.dims) == 3
        fits = fits and min(pixels.dims) > 0 and pixels.dims[2] == 3
    if not fits:
        raise StartupError(
            f"model {config.name!r}: expected inputs {LATENT!r} and {STYLE_CODE!r}, FP32 of one "
            f"fixed dimension, and output {PIXELS!r}, UINT8 [height, width, 3]; got inputs "
            f"{sorted(inputs)} and outputs {sorted(outputs)}. Choose another --model or mend its "
            f"config.pbtxt"
        )


async def _style_table_path(engine: Engine, config: ModelConfig, repository: Path) -> Path:
    """Where the ensemble's stylizer says that its style table lies."""
    for step in config.ensemble_scheduling.step:
        parameters = (await engine.config(step.model_name)).parameters
        if STYLE_TABLE_PARAMETER in parameters:
            return repository / step.model_name / parameters[STYLE_TABLE_PARAMETER].string_value
    raise ModelLoadError(
        repository / config.name / "config.pbtxt",
        f"none of its steps has the parameter {STYLE_TABLE_PARAMETER!r}",
    )
