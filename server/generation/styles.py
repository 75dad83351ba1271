"""Named styles: rows of style codes that lie beside the stylizer's model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from server.errors import ModelLoadError


class NamedStyle(BaseModel):
    """One style of the table file."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    title: str
    artist: str
    code: list[float]


class StyleFile(BaseModel):
    """The table file's contents.

    Attributes:
        identity: the code that returns the picture unpainted.
        colour: which number of a code says how much of the picture's own colours is kept.
        styles: the named styles.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    identity: list[float]
    colour: int
    styles: list[NamedStyle]


class StyleTitle(NamedTuple):
    """What a named style is called, and who painted it."""

    name: str
    title: str
    artist: str


class StyleTable:
    """The style codes of one stylizer.

    Attributes:
        styles: the named styles, in the file's order.

    Args:
        path: the JSON file of a `StyleFile`.
        code_size: what the stylizer's model expects.
    """

    def __init__(self, path: Path, code_size: int) -> None:
        """Read and check the table.

        Raises:
            ModelLoadError: the file is missing or broken, or its codes have another length.
        """
        try:
            file = StyleFile.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ModelLoadError(path, f"cannot be read ({error.strerror})") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ModelLoadError(path, f"{place or 'file'}: {first['msg']}") from error
        codes = {"identity": file.identity} | {style.name: style.code for style in file.styles}
        for name, code in codes.items():
            if len(code) != code_size:
                raise ModelLoadError(
                    path, f"{name}: expected a code of {code_size} numbers, got {len(code)}"
                )
        if not 0 <= file.colour < code_size:
            raise ModelLoadError(
                path, f"colour: expected a place from 0 to {code_size - 1}, got {file.colour}"
            )
        self._colour = file.colour
        self._identity = np.array(file.identity, np.float32)
        self._codes = {style.name: np.array(style.code, np.float32) for style in file.styles}
        self.styles = [StyleTitle(style.name, style.title, style.artist) for style in file.styles]

    @property
    def names(self) -> Collection[str]:
        """The styles' names, in the file's order."""
        return self._codes.keys()

    def mix(self, weights: Mapping[str, float]) -> np.ndarray:
        """The weighted mean float32 [code_size] of known styles' codes; no styles: unpainted."""
        if not weights:
            return self._identity
        if len(weights) == 1:
            return self._codes[next(iter(weights))]
        total = sum(weights.values())
        code = np.zeros_like(self._identity)
        for name, weight in weights.items():
            code += np.float32(weight / total) * self._codes[name]
        return code

    def weakened(self, code: np.ndarray, strength: float, preserve_colour: bool) -> np.ndarray:
        """A style code float32 [code_size] as a request wants it.

        Args:
            code: the full style's.
            strength: 0 (not painted) to 1.
            preserve_colour: whether the painting changes the luminance alone.
        """
        if strength == 1 and not preserve_colour:
            return code
        weight = np.float32(strength)
        weaker: np.ndarray = (np.float32(1) - weight) * self._identity + weight * code
        if preserve_colour:
            weaker[self._colour] = 1.0
        return weaker
