"""Named styles: rows of style codes that lie beside the stylizer's model."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

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


class StyleTable:
    """The style codes of one stylizer.

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

    @property
    def names(self) -> Collection[str]:
        """The styles' names, in the file's order."""
        return self._codes.keys()

    def code(
        self, style: str | None, strength: float = 1.0, preserve_colour: bool = False
    ) -> np.ndarray:
        """The style code float32 [code_size] of a known style; None leaves pictures unpainted.

        Args:
            style: its name.
            strength: 0 (not painted) to 1.
            preserve_colour: whether the painting changes the luminance alone.
        """
        if style is None:
            return self._identity
        weight = np.float32(strength)
        code: np.ndarray = (np.float32(1) - weight) * self._identity + weight * self._codes[style]
        if preserve_colour:
            code[self._colour] = 1.0
        return code
