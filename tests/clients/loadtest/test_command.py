"""`impasto load` as its users run it, against the real server and a small one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as Done
from impasto.cli import main
from loadtest.demand import Demand, Spec
from loadtest.errors import LoadTestError
from loadtest.results import Result
from loadtest.runner import Runner, Watch
from loadtest.targets.base import Connection
from loadtest.workload import single
from running_server import RunningServer
from small_server import HINT_MILLISECONDS, small_server

_SMALL = ("--size", "64", "--seconds", "0.5", "--warm-up", "0", "--quiet")
_UNREACHABLE = "127.0.0.1:1"


def load(*flags: str) -> Done:
    return CliRunner().invoke(main, ["load", *flags])


def result_of(path: Path, *flags: str, code: int = 0) -> Result:
    done = load(*flags, "--json", str(path))
    assert done.exit_code == code, done.output
    return Result.model_validate_json(path.read_text())


def test_impastos_own_api(server: RunningServer, tmp_path: Path) -> None:
    metrics = ["--metrics-url", f"{server.http}/metrics"]
    flags = ["--address", server.target, "--concurrency", "2", "--count", "2", *_SMALL, *metrics]
    result = result_of(tmp_path / "result.json", *flags, "--api-key", "secret")
    (run,) = result.runs
    assert run.answered == run.sent > 0
    assert run.pictures == 2 * run.answered
    assert result.target.server.startswith("impasto ")
    assert "secret" not in result.model_dump_json()
    assert run.server is not None
    # Read while calls go on: not to the call.
    assert run.server.calls["OK"] >= run.answered / 2
    encode = next(stage for stage in run.server.stages if stage.stage == "encode")
    assert encode.count >= run.pictures / 2
    assert 0 < encode.mean < (run.latency.mean or 0)


def test_rest(server: RunningServer, tmp_path: Path) -> None:
    flags = ["--target", "rest", "--address", server.http, "--rate", "8", *_SMALL]
    result = result_of(tmp_path / "result.json", *flags, "--style", "great_wave")
    (run,) = result.runs
    assert run.sent == run.answered == run.pictures == 4
    # Its metrics are beside it.
    assert result.target.server.startswith("impasto ")
    assert run.server is not None
    assert run.server.source == f"{server.http}/metrics"
    assert run.latency.percentiles == dict.fromkeys(("50", "90", "95", "99", "99.9"))


@pytest.mark.parametrize("over", ["grpc", "http"])
def test_any_inference_protocol_server(server: RunningServer, tmp_path: Path, over: str) -> None:
    address = server.target if over == "grpc" else server.http
    flags = ["--target", "oip", "--address", address, "--model", "fashion_generator", "--rows", "2"]
    result = result_of(tmp_path / "result.json", *flags, "--concurrency", "1", *_SMALL[2:])
    (run,) = result.runs
    assert run.answered == run.sent > 0
    assert run.server is not None
    assert {stage.stage for stage in run.server.stages} >= {"queue", "compute_infer"}


def test_a_mix_is_recorded_and_replayed(server: RunningServer, tmp_path: Path) -> None:
    mix, trace = tmp_path / "mix.yaml", tmp_path / "trace.jsonl"
    mix.write_text("""
entries:
  - name: plain
    weight: 3
    request: {size: 64, format: raw}
  - name: painted
    request: {size: 64, style: {great_wave: 2, spring: 1}}
""")
    base = ["--address", server.target, "--quiet"]
    flags = [*base, "--workload", str(mix), "--rate", "20", "--seconds", "1", "--warm-up", "0.1"]
    played = result_of(tmp_path / "1.json", *flags, "--record", str(trace)).runs[0]
    calls = [json.loads(line) for line in trace.read_text().splitlines()]
    assert len(calls) == played.sent == 20
    assert len({call["seed"] for call in calls}) == 20
    assert {entry.name: entry.sent for entry in played.entries} == {
        name: sum(call["name"] == name for call in calls) for name in ("plain", "painted")
    }
    flags = [*base, "--replay", str(trace), "--speed", "4"]
    again = result_of(tmp_path / "2.json", *flags).runs[0]
    assert again.load.arrivals == "trace"
    assert again.seconds == pytest.approx(calls[-1]["offset"] / 4, abs=0.01)
    assert {entry.name: entry.sent for entry in again.entries} == {
        entry.name: entry.sent for entry in played.entries if entry.sent
    }


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected one of --concurrency N"),
        (["--concurrency", "2", "--rate", "5"], "got --concurrency and --rate"),
        (["--concurrency", "0"], "expected numbers from 1 to"),
        (["--concurrency", "1:2:3:4"], "expected numbers from 1 to"),
        (["--concurrency", "1:100000000000"], "at most 1000 of them"),
        (["--rate", "nan"], "nan is no number"),
        (["--rate", "5", "--seconds", "inf"], "not in the range"),
        (["--rate", "5", "--warm-up", "nan"], "nan is no number"),
        (["--rate", "5", "--timeout", "inf"], "not in the range"),
        (["--rate", "5", "--json", "/nowhere/x.json"], "--json: expected a file in a folder"),
        (["--rate", "5", "--rows", "3"], "--rows would change nothing with --target impasto"),
        (["--concurrency", "5", "--arrivals", "constant"], "--arrivals would change nothing"),
        (["--find-max", "--slo", "p99<1s", "--arrivals", "constant"], "with --find-max"),
        (
            ["--rate", "5", "--seconds", "9", "--max-windows", "5"],
            "--max-windows would change nothing with --seconds",
        ),
        (
            ["--target", "rest", "--rate", "5", "--connections", "2"],
            "--connections would change nothing with an HTTP address",
        ),
        (["--find-max"], "--find-max needs --slo"),
        (["--rate", "5", "--slo", "p99"], "expected something like p99<50ms"),
        (["--concurrency", "1", "--record", "x"], "--record: expected --rate"),
        (["--rate", "5", "--target", "oip"], "needs --model"),
        (["--rate", "5", "--target", "rest", "--address", "host:1"], "expected http://host:port"),
        (["--rate", "5", "--address", "http://host:1"], "expected host:port"),
        (
            ["--rate", "5", "--target", "oip", "--model", "m", "--shape", "x:1,b"],
            "expected NAME:DIM,DIM",
        ),
    ],
)
def test_wrong_use_is_told_at_once(flags: list[str], message: str) -> None:
    done = load(*flags)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--address", _UNREACHABLE], "127.0.0.1:1: UNAVAILABLE"),
        (["--target", "rest", "--address", f"http://{_UNREACHABLE}"], "Connect call failed"),
        (["--target", "oip", "--address", _UNREACHABLE, "--model", "m"], "UNAVAILABLE"),
    ],
)
def test_a_server_that_is_not_there_is_no_result(flags: list[str], message: str) -> None:
    done = load(*flags, "--rate", "5")
    assert done.exit_code == 3
    assert message in done.output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model", "mona"], "INVALID_ARGUMENT: model: expected one of landscapes"),
        (["--target", "oip", "--model", "mona"], "NOT_FOUND: model 'mona'"),
        (["--target", "oip", "--model", "stylizer"], "--shape image:1,3,N,N"),
        (
            ["--target", "oip", "--model", "stylizer", "--shape", "image:1,4,8,8"],
            "the model expects [-1, 3, -1, -1]",
        ),
        (
            ["--target", "oip", "--model", "stylizer", "--shape", "picture:1,3,8,8"],
            "has inputs image, style_code, got picture",
        ),
        (["--metrics-url", f"http://{_UNREACHABLE}/"], "cannot read metrics"),
    ],
)
def test_what_the_server_refuses_is_told_before_the_test(
    server: RunningServer, flags: list[str], message: str
) -> None:
    done = load("--address", server.target, "--concurrency", "1", *flags)
    assert done.exit_code == 3
    assert message in done.output


def test_refused_calls_failed_and_their_callers_wait(tmp_path: Path) -> None:
    with small_server(most=1) as address:
        flags = ["--address", address, "--concurrency", "8", "--quiet", "--warm-up", "0"]
        flags += ["--seconds", "1", "--slo", "errors<1%"]
        result = result_of(tmp_path / "result.json", *flags, code=1)
    (run,) = result.runs
    refused = run.failed["RESOURCE_EXHAUSTED"]
    assert run.failed_latency["RESOURCE_EXHAUSTED"].count == refused > 0
    assert run.sent == run.answered + refused
    # Eight callers who wait for the hint are refused ten times a second at most, not thousands.
    assert refused <= 8 * (1000 / HINT_MILLISECONDS + 1)
    assert [objective.met for objective in result.objectives] == [False]


def test_calls_beyond_the_bound_are_not_sent(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("offset,name\n" + "0.0,burst\n" * 50)
    with small_server() as address:
        flags = ["--address", address, "--replay", str(trace), "--max-outstanding", "10"]
        result = result_of(tmp_path / "result.json", *flags, "--quiet")
    (run,) = result.runs
    assert run.failed == {"NOT_SENT": 40}
    assert run.sent == 50
    assert any("--max-outstanding 10" in warning for warning in run.client.warnings)


def test_it_ends_when_it_is_stable_and_not_much_later(tmp_path: Path) -> None:
    with small_server() as address:
        flags = ["--address", address, "--rate", "100", "--window", "0.3", "--max-windows", "5"]
        (run,) = result_of(tmp_path / "result.json", *flags, "--quiet", "--warm-up", "0.3").runs
    assert 3 <= len(run.windows) <= 5
    assert run.seconds == pytest.approx(0.3 * len(run.windows))
    assert run.stability.stable or len(run.windows) == 5
    # No call of the measured time is left out, and none from after it is in.
    assert run.sent == sum(window.sent for window in run.windows)


def test_ctrl_c_tells_what_was_measured_until_then(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with small_server() as address:
        flags = ["--address", address, "--rate", "50", "--seconds", "60", "--warm-up", "0"]
        flags += ["--window", "0.2", "--json", str(path)]
        process = subprocess.Popen(
            [sys.executable, "-c", "from impasto.cli import main; main()", "load", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        # The first window was told.
        while "/s  p50" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "interrupted; these are the figures until then" in output
    assert "Traceback" not in errors
    (run,) = Result.model_validate_json(path.read_text()).runs
    assert run.interrupted
    assert 0.1 < run.seconds < 30
    assert run.answered == run.sent > 0


def test_a_dead_process_is_an_error_and_no_hang() -> None:
    with small_server() as address:
        connection = Connection(address=address, timeout=10)
        spec = Spec("impasto", connection, single("impasto", {}), processes=2, seconds=60)

        def kill_one(fleet) -> None:
            os.kill(fleet.pids[1], signal.SIGKILL)

        runner = Runner(spec, Demand(0, rate=20), None, Watch(fleet=kill_one))
        started = time.monotonic()
        with pytest.raises(LoadTestError, match=r"process 1 .* ended .* status -9"):
            asyncio.run(runner.run())
        assert time.monotonic() - started < 30


def test_find_max_ends_with_a_confirmed_rate(tmp_path: Path) -> None:
    with small_server(most=1) as address:
        flags = ["--address", address, "--find-max", "--rate", "50", "--slo", "errors<0.001"]
        flags += ["--precision", "0.5", "--confirmations", "1", "--seconds", "0.3"]
        result = result_of(tmp_path / "result.json", *flags, "--quiet", "--warm-up", "0")
    assert result.search is not None
    assert result.search.greatest is not None
    assert result.search.steps[-1].confirming
    assert result.search.steps[-1].met
    assert [step.run for step in result.search.steps] == list(range(len(result.runs)))
    seeds = [run.load.seed for run in result.runs]
    assert len(set(seeds)) == len(seeds)
    assert all(objective.met for objective in result.objectives)


def test_without_the_extra_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("loadtest")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hdrh.histogram", None)
    done = CliRunner().invoke(main, ["load", "--rate", "1"])
    assert done.exit_code == 3
    assert "pip install 'impasto[load]'" in done.output
