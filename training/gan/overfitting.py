"""How often pictures are augmented: always, never, or as much as overfitting asks for.

Karras et al., arXiv 2006.06676: a discriminator that scores most training pictures as real has
begun to learn them by heart; the probability of augmentation rises until it no longer does.
"""

from __future__ import annotations

from torch import Tensor

from training.errors import SettingsError

MODES = ("auto", "none", "fixed", "adaptive")
_TARGET = 0.6
# The probability moves from 0 to 1 in this many pictures at most.
_PICTURES_TO_FULL = 100_000
_NEWEST = 0.05


class AugmentationSchedule:
    """The probability with which a picture is augmented.

    Attributes:
        probability: now.
        adapts: whether it must observe the scores.

    Args:
        mode: one of `MODES`.
        is_small: whether the set is small, which `auto` asks.
    """

    def __init__(self, mode: str, is_small: bool) -> None:
        """Start at 1 where it is fixed, else at 0.

        Raises:
            SettingsError: there is no such mode.
        """
        if mode not in MODES:
            raise SettingsError(f"augment: expected one of {', '.join(MODES)}, got {mode!r}")
        if mode == "auto":
            mode = "fixed" if is_small else "none"
        self.adapts = mode == "adaptive"
        self.probability = 1.0 if mode == "fixed" else 0.0
        self._overfitting = 0.0

    def observe(self, signs: float, pictures: int) -> None:
        """Follow one batch of so many pictures whose mean `sign_above` is `signs`."""
        self._overfitting += _NEWEST * (signs - self._overfitting)
        step = pictures / _PICTURES_TO_FULL
        change = step if self._overfitting > _TARGET else -step
        self.probability = min(max(self.probability + change, 0.0), 1.0)

    def to_state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"probability": self.probability, "overfitting": self._overfitting}

    def restore(self, state: dict[str, float]) -> None:
        """Continue from a checkpoint."""
        self.probability, self._overfitting = state["probability"], state["overfitting"]


def sign_above(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Mean sign of how far real pictures score above the mean generated one: 1 is all above.

    Relative to generated pictures, because relativistic scores have no zero of their own.
    """
    return (real_score - fake_score.mean()).sign().mean()
