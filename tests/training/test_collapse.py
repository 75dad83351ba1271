"""A run set up to collapse raises the alarm; the same run with the remedy does not."""

import json
from pathlib import Path

import pytest
from training_runs import train

# The discriminator learns 50 times faster than the generator.
COLLAPSING = [
    *("--data-set", "fashion", "--resolution", "32", "--latent-size", "16"),
    *("--batch", "16", "--pictures", "6400", "--generator-width", "8"),
    *("--discriminator-width", "8", "--discriminator-rate", "50", "--augment", "none"),
    *("--watch-every", "100", "--metric-features", "none"),
]
NO_REMEDY = ["--loss", "minimax", "--penalty", "none"]
REMEDY = ["--loss", "relativistic", "--penalty", "r1r2", "--gamma", "1", "--gamma-end", "1"]


def alarms(run: Path) -> list[str]:
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [entry["alarm"] for entry in entries if "alarm" in entry]


@pytest.mark.parametrize("remedy", [False, True])
def test_alarm_rings_without_the_remedy_only(data: Path, tmp_path: Path, remedy: bool) -> None:
    flags = [*COLLAPSING, *(REMEDY if remedy else NO_REMEDY), "--penalty-every", "1"]
    status, output = train("training.gan", tmp_path, data, flags)
    assert status == 0, output
    raised = alarms(tmp_path)
    if remedy:
        assert raised == []
    else:
        assert any(alarm.startswith("saturation") for alarm in raised), raised
        assert "ALARM: saturation at step " in output
