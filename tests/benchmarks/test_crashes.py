"""A server that is killed while it stores pictures loses none that it answered."""

from pathlib import Path

from running_server import REPOSITORY

from benchmarks.crashes import Outcome, crash


async def test_every_answered_picture_is_there_and_whole(tmp_path: Path) -> None:
    outcome = await crash(REPOSITORY, tmp_path, kills=2, callers=4, seed=2)
    assert outcome.answered
    assert outcome.is_clean, outcome


def test_what_is_wrong_is_noticed() -> None:
    good = Outcome(answered={"a": b"x"}, records={"a"}, files={"a"})
    assert good.is_clean
    for change in (
        {"lost": {"a"}},
        {"damaged": {"a"}},
        {"records": set()},
        {"files": {"a", "b"}},
        {"strays": ["a.png#1"]},
    ):
        assert not Outcome(**(good.__dict__ | change)).is_clean
