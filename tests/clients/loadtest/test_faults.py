"""What the load tester does where something goes wrong, or would make its figures wrong."""

import asyncio
import io
import time
from pathlib import Path

import load_results
import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Done
from impasto.cli import main
from loadtest import command, tester
from loadtest.demand import Demand, Spec, schedule_of
from loadtest.loops import ClosedLoop
from loadtest.progress import Progress
from loadtest.record import Record
from loadtest.results import Result
from loadtest.schedule import Schedule, picture_seeds
from loadtest.summary import show
from loadtest.targets.base import Answer, Connection, without_credentials
from loadtest.trace import read_trace, write_trace
from loadtest.workload import single
from rich.console import Console
from small_server import small_server


def load(*flags: str) -> Done:
    return CliRunner().invoke(main, ["load", "--quiet", "--warm-up", "0", *flags])


def spec_of(kind: str = "impasto", **changes) -> Spec:
    request = {"model": "m"} if kind == "oip" else {}
    workload = single(kind, request)
    return Spec(kind, Connection(address="x:1", timeout=1), workload, **changes)  # type: ignore[arg-type]


class Refusing:
    """Refuses at once, with or without a hint."""

    def __init__(self, wait: float) -> None:
        self.calls = 0
        self._wait = wait

    async def call(self, entry: int, seed: int) -> Answer:
        self.calls += 1
        return Answer("UNAVAILABLE", wait=self._wait)


async def refused(wait: float, seconds: float, stop_after: float) -> tuple[int, float]:
    """How many calls a caller made, and how long it took until it ended."""
    target, begun = Refusing(wait), time.monotonic()
    entries = np.zeros(8, np.int32)
    choices = Schedule(np.zeros(8), entries, picture_seeds([1], entries, 0))
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(stop_after, stop.set)
    loop = ClosedLoop(target, Record(begun), choices, begun, begun + seconds, 1)  # type: ignore[arg-type]
    await loop.run(stop)
    return target.calls, time.monotonic() - begun


async def test_a_caller_who_waits_for_a_hint_hears_stop() -> None:
    calls, seconds = await refused(wait=60, seconds=60, stop_after=0.1)
    assert calls == 1
    assert seconds < 30


async def test_a_caller_does_not_spin_on_a_dead_server() -> None:
    calls, _ = await refused(wait=0, seconds=0.3, stop_after=60)
    assert 0 < calls <= 31


def test_each_run_asks_for_other_pictures_from_chance(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with small_server() as address:
        flags = ["--address", address, "--concurrency", "1,2", "--seconds", "0.2"]
        done = load(*flags, "--json", str(path))
    assert done.exit_code == 0, done.output
    first, second = (run.load.seed for run in Result.model_validate_json(path.read_text()).runs)
    assert 0 < first < second
    assert f"seed {second}" in " ".join(done.output.split())


async def test_the_calls_that_try_a_server_ask_for_pictures_of_no_run() -> None:
    class Listening:
        seeds: list[int] = []  # noqa: RUF012

        async def server(self) -> str:
            return ""

        async def statistics(self) -> None:
            return None

        async def call(self, entry: int, seed: int) -> Answer:
            self.seeds.append(seed)
            return Answer("OK")

    tested = tester.Tester(spec_of("oip"), [], None, Progress(Console(), quiet=True))
    for _ in range(2):
        await tested._prepared(Listening())  # type: ignore[arg-type]
    first, second = Listening.seeds
    assert first != second
    assert (2**31 << 32) <= min(first, second) < max(first, second) < 2**64


def test_figures_are_shown_before_files_are_written(tmp_path: Path) -> None:
    """The disk may be full after an hour's test."""
    with small_server() as address:
        flags = ["--address", address, "--rate", "50", "--seconds", "0.2"]
        done = load(*flags, "--json", "/dev/full")
    assert done.exit_code == 3
    assert "cannot write a report" in done.output
    assert "10 of 10 calls answered" in done.output


async def test_a_run_that_was_interrupted_before_it_began_is_none() -> None:
    with small_server() as address:
        spec = Spec(
            "impasto",
            Connection(address=address, timeout=5),
            single("impasto", {}),
            seconds=0.2,
            warm_up=0.0,
        )
        tested = tester.Tester(spec, [], None, Stopping())
        tested._display.tested = tested  # type: ignore[attr-defined]
        outcome = await tested.measure([Demand(0, 1), Demand(1, 2)])
    assert [run.load.concurrency for run in outcome.runs] == [1]
    assert outcome.interrupted


class Stopping(Progress):
    """Stops a test when its second run begins."""

    tested: tester.Tester

    def __init__(self) -> None:
        super().__init__(Console(), quiet=True)
        self._begun = 0

    def begin(self, demand: Demand, seconds: float | None, note: str) -> None:
        super().begin(demand, seconds, note)
        self._begun += 1
        if self._begun == 2:
            self.tested.stop.set()


def test_names_are_no_markup() -> None:
    found = load_results.result()
    (run, *_) = found.runs
    entry = run.entries[0].model_copy(update={"name": "[/red] [bold]x"})
    run = run.model_copy(update={"entries": (entry, entry), "server": None})
    shown = io.StringIO()
    show(found.model_copy(update={"runs": (run,)}), Console(file=shown, width=200))
    assert "[/red] [bold]x" in shown.getvalue()


def test_a_fault_of_its_own_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(command, "_tested", broken)
    done = load("--rate", "5")
    assert done.exit_code == 3
    assert "RuntimeError in test_faults.py" in done.output


def test_what_was_recorded_of_tensors_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    spec = spec_of("oip", seconds=1.0, warm_up=0.0)
    write_trace(path, spec.workload, schedule_of(spec, Demand(0, rate=10)))
    _, trace = read_trace("oip", path, 1.0, 0)
    assert len(trace.schedule) == 10


def test_a_test_without_a_call_is_wrong_use() -> None:
    with small_server() as address:
        done = load("--address", address, "--rate", "0.05", "--seconds", "3")
    assert done.exit_code == 2
    assert "expected a call at least" in " ".join(done.output.split())


def test_a_bursts_throughput_is_of_the_time_until_its_last_answer(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace.jsonl", tmp_path / "x.json"
    trace.write_text('{"offset": 0.0}\n' * 20)
    with small_server() as address:
        flags = ["load", "--quiet", "--address", address, "--replay", str(trace)]
        done = CliRunner().invoke(main, [*flags, "--json", str(path)])
    assert done.exit_code == 0, done.output
    (run,) = Result.model_validate_json(path.read_text()).runs
    assert run.throughput == pytest.approx(20 / (run.latency.greatest or 0), rel=0.01)


def test_credentials_in_a_url_are_not_told() -> None:
    assert without_credentials("--address=http://me:secret@host:1/x") == (
        "--address=http://...@host:1/x"
    )
    assert without_credentials("http://host:1/a@b") == "http://host:1/a@b"


def test_who_stops_a_test_is_told_what_is_waited_for() -> None:
    said = io.StringIO()
    Progress(Console(file=said), quiet=False).stopping(7)
    assert "7 calls are waited for; Ctrl-C again" in said.getvalue()
