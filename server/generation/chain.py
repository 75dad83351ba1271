"""The chain: seeds and a style code go in, pixels come out; one ensemble does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import NEVER, Deadline, Engine, InferenceResult, StageTiming
from server.errors import ModelLoadError, StartupError
from server.generation.latents import latents
from server.generation.styles import StyleTable

LATENT = "latent"
STYLE_CODE = "style_code"
PIXELS = "pixels"
# Parameter of a stylizer's config.pbtxt: its style table, relative to the model's folder.
STYLE_TABLE_PARAMETER = "impasto.style_table"


class Chain:
    """One picture-making ensemble and its styles.

    Attributes:
        model: the ensemble's name.
        version: the ensemble's version.
        styles: its stylizer's style table.

    Args:
        engine: what serves the ensemble.
        model: the ensemble's name.
        repository: the model repository, for the style table.
    """

    def __init__(self, engine: Engine, model: str, repository: Path) -> None:
        """Check that the model makes pixels from latents and style codes.

        Raises:
            StartupError: it is not served or does something else.
        """
        served = engine.model(model)
        self.model = model
        self.version = served.version
        self._engine = engine
        self._max_batch_size = served.config.max_batch_size
        self._pixel_dims = _check_tensors(served.config)
        sizes = {item.name: item.dims[0] for item in served.config.input}
        self._latent_size = sizes[LATENT]
        path = _style_table_path(engine, served.config, repository)
        self.styles = StyleTable(path, sizes[STYLE_CODE])

    async def warm_up(self) -> None:
        """Make one picture: a model's first run allocates memory that no caller should wait for.

        Raises:
            StartupError: the picture is not of the declared size.
        """
        pixels, _ = await self.run([0], None, 0.0, NEVER)
        if pixels.shape[1:] != self._pixel_dims:
            raise StartupError(
                f"model {self.model!r}: {PIXELS} is declared as {list(self._pixel_dims)}, the "
                f"models make {list(pixels.shape[1:])}; mend its config.pbtxt"
            )

    async def run(
        self, seeds: Sequence[int], style: str | None, strength: float, deadline: Deadline
    ) -> tuple[np.ndarray, list[StageTiming]]:
        """Pixels uint8 [len(seeds), height, width, 3] and how long each stage took.

        Requests above the ensemble's max_batch_size are cut into several.

        Raises:
            ImpastoError: whatever the engine raises; the other parts are cancelled then.
        """
        size = self._max_batch_size
        parts = [seeds[first : first + size] for first in range(0, len(seeds), size)]
        code = self.styles.code(style, strength)
        tasks = [asyncio.ensure_future(self._run_part(part, code, deadline)) for part in parts]
        try:
            results = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        pixels = np.concatenate([result.outputs[PIXELS] for result in results])
        return pixels, [timing for result in results for timing in result.stages]

    async def _run_part(
        self, seeds: Sequence[int], code: np.ndarray, deadline: Deadline
    ) -> InferenceResult:
        inputs = {
            LATENT: latents(seeds, self._latent_size),
            STYLE_CODE: np.repeat(code[None], len(seeds), axis=0),
        }
        return await self._engine.infer(self.model, inputs, deadline)


def _check_tensors(config: ModelConfig) -> tuple[int, ...]:
    """Check that the ensemble speaks the chain's tensors; return the dims of its pixels."""
    inputs = {
        item.name: (item.data_type, len(item.dims), min(item.dims, default=0))
        for item in config.input
    }
    outputs = {item.name: item for item in config.output}
    vector = model_config_pb2.TYPE_FP32, 1
    fits = inputs.keys() == {LATENT, STYLE_CODE} and PIXELS in outputs
    fits = fits and all(kind[:2] == vector and kind[2] > 0 for kind in inputs.values())
    if fits:
        pixels = outputs[PIXELS]
        dims = tuple(pixels.dims)
        fits = pixels.data_type == model_config_pb2.TYPE_UINT8 and len(dims) == 3
        fits = fits and min(dims) > 0 and dims[2] == 3
    if not fits:
        raise StartupError(
            f"model {config.name!r}: expected inputs {LATENT!r} and {STYLE_CODE!r}, FP32 of one "
            f"fixed dimension, and output {PIXELS!r}, UINT8 [height, width, 3]; got inputs "
            f"{sorted(inputs)} and outputs {sorted(outputs)}. Choose another --model or mend its "
            f"config.pbtxt"
        )
    return dims


def _style_table_path(engine: Engine, config: ModelConfig, repository: Path) -> Path:
    """Where the ensemble's stylizer says that its style table lies."""
    for step in config.ensemble_scheduling.step:
        parameters = engine.model(step.model_name).config.parameters
        if STYLE_TABLE_PARAMETER in parameters:
            return repository / step.model_name / parameters[STYLE_TABLE_PARAMETER].string_value
    raise ModelLoadError(
        repository / config.name / "config.pbtxt",
        f"none of its steps has the parameter {STYLE_TABLE_PARAMETER!r}",
    )
