"""How models come and go while the server runs: Triton's model control modes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EVERY_MODEL = "*"


class ControlMode(StrEnum):
    """When models are loaded and unloaded."""

    NONE = "none"
    EXPLICIT = "explicit"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class ModelControl:
    """What is loaded when.

    Attributes:
        mode: `none` loads everything at the start; `explicit` loads `load_models`, and others on
            request; `poll` loads everything and follows what changes in the repository.
        load_models: names of models, or `*` for all.
        poll_seconds: between two looks at the repository.
    """

    mode: ControlMode = ControlMode.NONE
    load_models: tuple[str, ...] = ()
    poll_seconds: float = 15.0
