"""What a load tester is for: a server that stalls for a second cannot hide it.

The server answers after 2 ms, but for one second in the middle of the test, when it does nothing.
Of 600 callers who come on their own, 150 come in that second and wait up to a second; of a lone
caller's calls, a single one does.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner
from impasto.cli import main
from loadtest.results import Result
from small_server import STALL_SECONDS, small_server

pytestmark = pytest.mark.alone
_RATE, _SECONDS, _STALL_AT = 150, 4, 300


def measured(tmp_path: Path, *flags: str) -> Result:
    path = tmp_path / "result.json"
    with small_server(stall_at=_STALL_AT) as address:
        command = ["load", "--address", address, "--quiet", "--warm-up", "0.2", *flags]
        done = CliRunner().invoke(main, [*command, "--seconds", str(_SECONDS), "--json", str(path)])
    assert done.exit_code == 0, done.output
    return Result.model_validate_json(path.read_text())


def test_an_open_loop_shows_the_stall_and_a_naive_closed_loop_does_not(tmp_path: Path) -> None:
    (of_many,) = measured(tmp_path, "--rate", str(_RATE)).runs
    (of_one,) = measured(tmp_path, "--concurrency", "1").runs

    assert of_many.sent == of_many.answered == _RATE * _SECONDS
    open_p99, closed_p99 = of_many.latency.percentiles["99"], of_one.latency.percentiles["99"]
    assert open_p99 is not None
    assert 0.3 * STALL_SECONDS < open_p99 < 2 * STALL_SECONDS
    # A quarter of the calls were due while it stalled, so every tenth at least waited long.
    assert (of_many.latency.percentiles["90"] or 0) > 0.1 * STALL_SECONDS

    # The caller met the stall, once, and that is lost among its other calls.
    assert (of_one.latency.greatest or 0) > 0.9 * STALL_SECONDS
    assert closed_p99 is not None
    assert closed_p99 < 0.1 * STALL_SECONDS


def test_a_late_sender_makes_latencies_longer(tmp_path: Path) -> None:
    """A thousand calls at once from one process: all are due at 0, and cannot be sent at once."""
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"offset": 0.0}\n' * 1000)
    path = tmp_path / "result.json"
    with small_server() as address:
        done = CliRunner().invoke(
            main,
            ["load", "--address", address, "--quiet", "--replay", str(trace), "--json", str(path)],
        )
    assert done.exit_code == 0, done.output
    (run,) = Result.model_validate_json(path.read_text()).runs
    late = run.client.lateness.greatest
    assert late is not None
    assert run.latency.mean is not None
    assert run.service_latency.mean is not None
    # Latency is lateness and what came after it.
    assert run.client.lateness.mean is not None
    whole = run.client.lateness.mean + run.service_latency.mean
    assert abs(run.latency.mean - whole) < 1e-6
    assert any("left late" in warning for warning in run.client.warnings)
