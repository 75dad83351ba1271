"""A generator by itself: its small pictures, before they are painted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import Engine, InferenceResult
from server.errors import StartupError
from server.generation.requests import MAX_SIDE, MIN_SIDE
from server.generation.urgency import Urgency

IMAGE = "image"


class Generator:
    """Makes pictures at their own resolution.

    Attributes:
        model: its name.
        sizes: sides in pixels that its pictures can be enlarged to, its own among them.

    Args:
        engine: what serves it.
        config: its configuration.
    """

    def __init__(self, engine: Engine, config: ModelConfig) -> None:
        """Read the side of its pictures.

        Raises:
            StartupError: it does not say.
        """
        self._engine = engine
        self.model = config.name
        dims = next((list(item.dims) for item in config.output if item.name == IMAGE), [])
        if len(dims) != 3 or min(dims) < 1:
            raise StartupError(
                f"model {config.name!r}: expected an output {IMAGE!r} of fixed [channels, height, "
                f"width], got {dims}; mend its config.pbtxt"
            )
        side = max(dims[1:])
        doubled = (side << power for power in range(MAX_SIDE.bit_length()))
        self.sizes = tuple(size for size in doubled if MIN_SIDE <= size <= MAX_SIDE)

    async def images(self, inputs: Mapping[str, np.ndarray], urgency: Urgency) -> InferenceResult:
        """One batch of pictures, the output `image` [B, C, H, W] in [-1, 1].

        Raises:
            ImpastoError: whatever the engine raises.
        """
        request = urgency.request(self.model, inputs, [IMAGE])
        return await self._engine.infer(request)


def enlarge(image: np.ndarray, size: int) -> np.ndarray:
    """A picture [C, H, W] as a canvas [1, 3, ...] whose longer side is `size`; grey becomes colour.

    Bilinear, as the generators' own canvas is.
    """
    height, width = image.shape[1:]
    factor = size / max(height, width)
    shape = round(width * factor), round(height * factor)
    enlarged = [
        np.asarray(Image.fromarray(channel).resize(shape, Image.Resampling.BILINEAR))
        for channel in image
    ]
    canvas = np.broadcast_to(np.stack(enlarged)[None], (1, 3, shape[1], shape[0]))
    return np.ascontiguousarray(canvas)
