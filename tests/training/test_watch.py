"""The collapse alarms ring for each illness once, say what to try, and stay silent in health."""

import math

import pytest

from training.errors import DivergedError
from training.gan.watch import Watch

HEALTHY = {"accuracy": 0.8, "gradient_g": 1.0, "loss_d": 0.5, "loss_g": 0.7}


def names(watch: Watch, steps: int, **values: float) -> list[str]:
    return [alarm.name for _ in range(steps) for alarm in watch.observe(HEALTHY | values)]


def test_health_is_silent() -> None:
    assert names(Watch(), 1000, diversity=0.9) == []


@pytest.mark.parametrize(
    ("illness", "values", "advice"),
    [
        ("saturation", {"accuracy": 1.0, "loss_d": 1e-5}, "--penalty r1r2"),
        ("collapse", {"diversity": 0.1}, "10% as diverse"),
        ("vanishing", {"gradient_g": 1e-6}, "--loss non-saturating"),
        ("exploding", {"gradient_g": 1e6}, "a smaller --learning-rate"),
    ],
)
def test_each_illness_rings_once_until_it_ended(
    illness: str, values: dict[str, float], advice: str
) -> None:
    watch = Watch()
    assert names(watch, 200) == []
    alarms = [alarm for _ in range(600) for alarm in watch.observe(HEALTHY | values)]
    assert [alarm.name for alarm in alarms] == [illness]
    assert advice in alarms[0].message
    names(watch, 2000, diversity=0.9)
    assert watch.active == []
    assert illness in names(watch, 600, **values)


def test_a_sure_discriminator_that_still_learns_is_no_illness() -> None:
    assert names(Watch(), 1000, accuracy=1.0, loss_d=0.05) == []


def test_the_state_survives_a_checkpoint() -> None:
    watch = Watch()
    names(watch, 300, accuracy=0.97)
    assert Watch.of_state(watch.to_state()) == watch


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_stop_training(value: float) -> None:
    with pytest.raises(DivergedError, match=r"loss_g became (nan|inf) .* smaller --learning-rate"):
        Watch().observe(HEALTHY | {"loss_g": value})
