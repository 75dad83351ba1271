"""What a search for the greatest rate makes of runs that say little of the server."""

import asyncio
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as Done
from impasto.cli import main
from load_runs import run_of, window_of
from loadtest import tester
from loadtest.backlog import grew
from loadtest.demand import Spec
from loadtest.objectives import parsed
from loadtest.progress import Progress
from loadtest.results import Result, Run, Search, Step
from loadtest.search import greatest_rate
from loadtest.targets.base import Connection
from loadtest.told import number_told_of
from loadtest.workload import single
from rich.console import Console
from small_server import small_server


def find_max(path: Path, *flags: str) -> Done:
    command = ["load", "--find-max", "--quiet", "--warm-up", "0", "--json", str(path), *flags]
    return CliRunner().invoke(main, command)


def tried(start: float, holds, least: float = 0.0) -> tuple[float | None, list[float]]:
    search, rates, held = greatest_rate(start, 0.1, 1, least), [], None
    while True:
        try:
            attempt = search.send(held)
        except StopIteration as end:
            return end.value, rates
        rates.append(attempt.rate)
        held = holds(attempt.rate, len(rates))


def test_nothing_is_tried_that_cannot_be_measured() -> None:
    rate, rates = tried(0.5, lambda rate, _: rate <= 10, least=0.75)
    assert rate == pytest.approx(10, rel=0.1)
    assert min(rates) == 0.75
    rate, rates = tried(5, lambda *_: False, least=0.75)
    assert rate is None
    assert min(rates) == 0.75


def test_one_unlucky_run_does_not_decide() -> None:
    rate, rates = tried(60, lambda rate, number: rate <= 100 and number != 1)
    assert rates[:2] == [60, 60]
    assert rate == pytest.approx(100, rel=0.1)


def test_a_long_run_of_the_users_is_made(tmp_path: Path) -> None:
    """A length of over ten minutes was taken for a rate that does not hold."""
    with small_server() as address:
        flags = ["--address", address, "--rate", "5", "--slo", "mean<1s", "--seconds", "700"]
        done = asyncio.run(_interrupted(tmp_path / "x.json", *flags))
    assert "the search was interrupted" in done
    assert "no rate was found" not in done
    assert "met mean" not in done.lower()
    (run,) = Result.model_validate_json((tmp_path / "x.json").read_text()).runs
    assert run.interrupted
    assert 0 < run.seconds < 60


async def _interrupted(path: Path, *flags: str) -> str:
    command = ["load", "--find-max", "--warm-up", "0", "--window", "0.2", "--json", str(path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from impasto.cli import main; main()",
        *command,
        *flags,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    # The first window was told.
    while b" s  " not in await process.stderr.readline():
        assert process.returncode is None
    process.terminate()
    output, _ = await process.communicate()
    assert process.returncode == 3
    return output.decode()


def test_the_load_testers_own_limit_is_not_the_servers(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with small_server() as address:
        flags = ["--address", address, "--rate", "800", "--slo", "errors<0.1%"]
        done = find_max(path, *flags, "--max-outstanding", "1", "--seconds", "0.5")
    assert done.exit_code == 3, done.output
    assert "limited by the load tester" in done.output
    assert "--max-outstanding 1" in " ".join(done.output.split())
    search = Result.model_validate_json(path.read_text()).search
    assert search is not None
    assert (search.greatest, search.stopped, len(search.steps)) == (None, "limited", 2)


def overloaded(answered: int):
    windows = [
        window_of(answered, sent=100).model_copy(update={"start": float(index)})
        for index in range(10)
    ]
    return run_of([0.01] * 1000).model_copy(update={"windows": tuple(windows)})


def test_a_backlog_that_grows_does_not_hold_a_lenient_bound() -> None:
    assert grew(overloaded(87))
    assert not grew(overloaded(98))
    # Refused at once is not waiting.
    refusing = overloaded(80)
    windows = [
        each.model_copy(update={"failed": {"RESOURCE_EXHAUSTED": 20}}) for each in refusing.windows
    ]
    assert not grew(refusing.model_copy(update={"windows": tuple(windows)}))


class Overloaded(tester.Tester):
    """Tests a server of 50 answers a second, without calling it."""

    async def _run(self, spec, demand, view, note="") -> Run:
        run = overloaded(min(100, round(100 * 50 / demand.rate)))
        self.outcome.runs.append(run)
        return run


async def test_more_calls_than_a_server_answers_are_not_held() -> None:
    spec = Spec("impasto", Connection(address="x:1", timeout=1), single("impasto", {}))
    tested = Overloaded(spec, [parsed("p99<100s")], None, Progress(Console(), quiet=True))
    await tested._hunt(greatest_rate(60, 0.03, 1), 0, None)
    search = tested.outcome.search
    assert search is not None
    assert search.greatest == pytest.approx(50, rel=0.1)


def test_a_mean_of_calls_that_failed_is_not_told() -> None:
    judged = parsed("mean<1s").judged(run_of([0.01] * 5, {"UNAVAILABLE": 5}))
    assert (judged.measured, judged.met) == (None, False)


def test_a_search_wants_bounds_that_fewer_calls_hold(tmp_path: Path) -> None:
    done = find_max(tmp_path / "x.json", "--slo", "throughput>5")
    assert done.exit_code == 2
    assert "throughput" in done.output


def test_one_run_is_told_of() -> None:
    steps = [
        Step(rate=rate, met=met, confirming=False, run=run)
        for run, (rate, met) in enumerate([(50, True), (100, False), (50, True), (70, False)])
    ]
    assert number_told_of(5, Search(greatest=50, steps=tuple(steps))) == 2
    assert number_told_of(5, Search(greatest=None, steps=tuple(steps))) == 3
    assert number_told_of(1, Search(greatest=None, steps=())) == 0
    assert number_told_of(3, None) == 2
    assert number_told_of(0, None) is None
