"""The noise under the paint: one and the same for everybody, moved about by training."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_runs import SMALL_STYLE, command, train

from training.style.grain import Grain

Place = tuple[int, int]


def picture(height: int = 64, width: int = 96) -> Tensor:
    return torch.zeros(1, 3, height, width)


def test_it_is_the_same_for_every_picture() -> None:
    large = Grain()(picture(200, 300))
    assert large.shape == (200, 300)
    assert torch.equal(Grain()(picture()), large[:64, :96])
    assert large.std() == pytest.approx(0.08, rel=0.05)
    assert large.mean() == pytest.approx(0.0, abs=0.005)


def test_hardly_a_row_or_column_resembles_one_near_it() -> None:
    grain = Grain()(picture(96, 96))
    for lines in (grain, grain.T):
        alike = torch.corrcoef(lines)
        near = torch.stack([alike.diagonal(away)[:88] for away in range(1, 9)])
        assert (near.abs() > 0.4).float().mean() < 0.01


@pytest.mark.parametrize("place", [(0, 0), (5, 7), (1020, 4098)])
def test_a_place_is_a_part_of_the_endless_one(place: Place) -> None:
    grain, (row, column) = Grain(), place
    whole = grain(picture(row + 32, column + 40))
    assert torch.equal(grain(picture(32, 40), place), whole[row:, column:])


@pytest.mark.parametrize("module", ["training.style", "training.style.add"])
def test_training_moves_it_at_every_step(
    style_run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    places: list[Place] = []
    forward = Grain.forward

    def noted(grain: Grain, image: Tensor, place: Place = (0, 0)) -> Tensor:
        if grain.training and torch.is_grad_enabled():
            places.append(place)
        return forward(grain, image, place)

    monkeypatch.setattr(Grain, "forward", noted)
    if module == "training.style":
        status, output = train(module, tmp_path / "run", data, SMALL_STYLE)
    else:
        flags = ["--stylizer", style_run, "--run", tmp_path / "run", "--data", data]
        flags += ["--steps", "12", "--name", "mine", "--picture", data / "paintings/great_wave.png"]
        status, output = command(module, *flags)
    assert status == 0, output
    assert len(places) >= 12
    assert len(set(places)) > len(places) / 2
