"""Collapse alarms: what a GAN's known illnesses look like while it runs, and what to try.

The alarms change nothing; they speak once when a condition begins and again only after it ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from training.errors import DivergedError

# Weight of the newest step in the running means.
_NEWEST = 0.02
# Steps before the running means mean anything.
_SETTLED = 100
_SATURATED = 0.995
_NOTHING_TO_LEARN = math.log(0.01)
_LEAST = 1e-12
_VANISHED = 1e-3
_EXPLODED = 100.0
# Pairwise distance of generated pictures as a share of real ones'.
_UNIFORM = 0.3

_ADVICE = {
    "saturation": (
        "the discriminator tells {accuracy:.1%} of generated pictures from real ones at a loss of "
        "{loss:.1e}, so it teaches nothing; try --penalty r1r2, --spectral-norm True, a smaller "
        "--discriminator-rate or, on few pictures, --augment adaptive"
    ),
    "collapse": (
        "a fixed batch is only {diversity:.0%} as diverse as real pictures: the generator makes "
        "few different ones; try --loss relativistic with --penalty r1r2, a larger --gamma or a "
        "larger --batch"
    ),
    "vanishing": (
        "the generator's gradient has fallen to {gradient:.1e}, {share:.1e} of its first level; "
        "try --loss non-saturating or relativistic, and --penalty r1r2"
    ),
    "exploding": (
        "the generator's gradient has grown to {gradient:.1e}, {share:.0f} times its first level; "
        "try a smaller --learning-rate or a larger --gamma"
    ),
}


@dataclass(frozen=True)
class Alarm:
    """One illness seen: its name, and a sentence with the figure and what to try."""

    name: str
    message: str


@dataclass
class Watch:
    """Running means of a run, and the alarms that are on.

    Attributes:
        steps: observed so far.
        accuracy: how often a real picture scores above the generated one beside it.
        log_loss: natural logarithm of the discriminator's loss: a geometric mean, because a single
            bad step among a thousand sure ones would carry an arithmetic one away.
        gradient: norm of the generator's gradient.
        first_gradient: its running mean when it had settled.
        diversity: pairwise distance of a fixed batch over that of real pictures, once measured.
        active: names of the alarms that are on.
    """

    steps: int = 0
    accuracy: float = 0.5
    log_loss: float = 0.0
    gradient: float = 0.0
    first_gradient: float = 0.0
    diversity: float | None = None
    active: list[str] = field(default_factory=list)

    def observe(self, values: Mapping[str, float]) -> list[Alarm]:
        """Take in one step's values; return the alarms that begin with it.

        Raises:
            DivergedError: a value is not finite; nothing after it could be right.
        """
        for name, value in values.items():
            if not math.isfinite(value):
                raise DivergedError(
                    f"{name} became {value} at step {self.steps + 1} of this watch: the networks "
                    f"diverged. Go on from the last checkpoint with a smaller --learning-rate or a "
                    f"larger --gamma"
                )
        self.steps += 1
        self.accuracy += _NEWEST * (values["accuracy"] - self.accuracy)
        self.log_loss += _NEWEST * (math.log(abs(values["loss_d"]) + _LEAST) - self.log_loss)
        weight = max(_NEWEST, 1 / self.steps)
        self.gradient += weight * (values["gradient_g"] - self.gradient)
        self.diversity = values.get("diversity", self.diversity)
        if self.steps == _SETTLED:
            self.first_gradient = self.gradient
        return self._begin(self._conditions()) if self.steps >= _SETTLED else []

    def _conditions(self) -> dict[str, bool]:
        return {
            "saturation": self.accuracy > _SATURATED and self.log_loss < _NOTHING_TO_LEARN,
            "collapse": self.diversity is not None and self.diversity < _UNIFORM,
            "vanishing": self.gradient < _VANISHED * self.first_gradient,
            "exploding": self.gradient > _EXPLODED * self.first_gradient,
        }

    def _begin(self, conditions: Mapping[str, bool]) -> list[Alarm]:
        begun = [name for name, on in conditions.items() if on and name not in self.active]
        self.active = [name for name, on in conditions.items() if on]
        return [Alarm(name, _ADVICE[name].format(**self._figures())) for name in begun]

    def _figures(self) -> dict[str, float]:
        return {
            "accuracy": self.accuracy,
            "loss": math.exp(self.log_loss),
            "diversity": self.diversity or 0.0,
            "gradient": self.gradient,
            "share": self.gradient / max(self.first_gradient, _LEAST),
        }

    def to_state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Watch:
        """The watch of a checkpoint."""
        return cls(**state)
