"""Candidates: a generator makes several small pictures, its discriminator says which is best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from server.engines.base import Engine
from server.generation.generator import IMAGE, Generator
from server.generation.urgency import Urgency

SCORE = "score"
LABEL = "label"


class Ranking:
    """A generator and the discriminator that was trained with it.

    Attributes:
        discriminator: its name.

    Args:
        engine: what serves the discriminator.
        generator: what makes the pictures.
        discriminator: its name.
    """

    def __init__(self, engine: Engine, generator: Generator, discriminator: str) -> None:
        """Keep the parts."""
        self._engine = engine
        self._generator = generator
        self.discriminator = discriminator

    async def scores(self, inputs: Mapping[str, np.ndarray], urgency: Urgency) -> np.ndarray:
        """What the discriminator says of one batch, float32 [batch]; more is more like a real one.

        Args:
            inputs: the generator's.
            urgency: of the request.

        Raises:
            ImpastoError: whatever the engine raises.
        """
        made = await self._generator.images(inputs, urgency)
        judged = {IMAGE: made.outputs[IMAGE]}
        if LABEL in inputs:
            judged[LABEL] = inputs[LABEL]
        result = await self._engine.infer(urgency.request(self.discriminator, judged))
        scores: np.ndarray = result.outputs[SCORE][:, 0]
        return scores
