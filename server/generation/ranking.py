"""Candidates: a generator makes several small pictures, its discriminator says which is best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from server.engines.base import Deadline, Engine, InferenceRequest
from server.generation.generator import IMAGE, Generator

SCORE = "score"
LABEL = "label"


class Ranking:
    """A generator and the discriminator that was trained with it.

    Args:
        engine: what serves the discriminator.
        generator: what makes the pictures.
        discriminator: its name.
    """

    def __init__(self, engine: Engine, generator: Generator, discriminator: str) -> None:
        """Keep the parts."""
        self._engine = engine
        self._generator = generator
        self._discriminator = discriminator

    async def scores(self, inputs: Mapping[str, np.ndarray], deadline: Deadline) -> np.ndarray:
        """What the discriminator says of one batch, float32 [batch]; more is more like a real one.

        Args:
            inputs: the generator's.
            deadline: when the caller stops waiting.

        Raises:
            ImpastoError: whatever the engine raises.
        """
        made = await self._generator.images(inputs, deadline)
        judged = {IMAGE: made.outputs[IMAGE]}
        if LABEL in inputs:
            judged[LABEL] = inputs[LABEL]
        result = await self._engine.infer(
            InferenceRequest(self._discriminator, judged, deadline=deadline)
        )
        scores: np.ndarray = result.outputs[SCORE][:, 0]
        return scores
