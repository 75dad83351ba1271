"""Two load tests side by side: what counts as worse, and what cannot be told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Ended
from load_results import MACHINE, result, run, search
from loadtest.errors import WrongUse
from loadtest.report import comparison_page
from loadtest.report.commands import compare as command
from loadtest.report.commands import report
from loadtest.report.compare import Change, Comparison, compare
from loadtest.report.comparison_text import text
from loadtest.report.files import read
from loadtest.report.noise import Noise, of_shares, of_windows
from loadtest.results import Result

# Windows of it tell the 99th percentile.
BUSY = {"rate": 600.0, "seconds": 8}


@pytest.fixture(scope="module")
def base() -> Result:
    return result(run(**BUSY, seed=1))


@pytest.fixture(scope="module")
def again() -> Result:
    return result(run(**BUSY, seed=2))


@pytest.fixture(scope="module")
def slower() -> Result:
    return result(run(**BUSY, seed=3, median=0.045))


def changes(comparison: Comparison) -> dict[str, Change]:
    return {change.name: change for change in comparison.pairs[0].changes}


def saved(found: Result, path: Path) -> Path:
    path.write_text(found.model_dump_json())
    return path


def called(*arguments: object) -> Ended:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_equal_results_do_not_differ(base: Result) -> None:
    comparison = compare(base, base)
    assert comparison.warnings == ()
    assert comparison.regressions(0) == ()
    assert all(change.ratio in (1, None) for change in comparison.pairs[0].changes)
    assert "worse" not in text(comparison)
    assert comparison_page.sentence(comparison) == "No difference."


def test_the_same_server_again_is_within_the_noise(base: Result, again: Result) -> None:
    comparison = compare(base, again)
    assert changes(comparison)["p50"].noise is Noise.WITHIN
    assert changes(comparison)["p99"].noise is Noise.WITHIN
    assert comparison.regressions(0) == ()


def test_a_slower_server_is_worse_beyond_the_noise(base: Result, slower: Result) -> None:
    comparison = compare(base, slower)
    for name in ("mean", "p50", "p99"):
        assert changes(comparison)[name].noise is Noise.BEYOND
        assert changes(comparison)[name].worsening() == pytest.approx(45 / 38 - 1, abs=0.04)
    assert len(comparison.regressions(0.05)) == 2
    assert comparison.regressions(0.5) == ()
    assert compare(slower, base).regressions(0) == ()


def test_failures_that_came_up_are_worse(base: Result) -> None:
    comparison = compare(base, result(run(**BUSY, seed=1, failing=0.01)))
    errors = changes(comparison)["errors"]
    assert (errors.before, errors.noise, errors.ratio) == (0, Noise.BEYOND, None)
    assert [line for line in comparison.regressions(0.05) if "errors 0 % -> " in line]


def test_one_failure_of_thousands_is_noise() -> None:
    assert of_shares((0, 5000), (1, 5000)) is Noise.WITHIN
    assert of_shares((0, 5000), (9, 5000)) is Noise.BEYOND
    assert of_shares((0, 0), (0, 0)) is Noise.UNKNOWN


def test_too_few_windows_show_nothing() -> None:
    few = compare(result(run(seconds=3)), result(run(seconds=3, median=0.2)))
    change = changes(few)["p50"]
    assert change.noise is Noise.UNKNOWN
    assert "needs 5 each" in change.reason
    # What cannot be told is no excuse.
    assert few.regressions(0.05)


def test_a_run_of_no_time_is_compared_with_any(base: Result) -> None:
    nothing = result(run(rate=600, seconds=0))
    for one, other in ((base, nothing), (nothing, base), (nothing, nothing)):
        assert comparison_page.render(one, other, 0.05)
        told = text(compare(one, other))
        assert ("length differs" in told) == (one is not other)


def test_too_few_calls_have_no_ratio() -> None:
    comparison = compare(result(run(rate=10)), result(run(rate=10)))
    change = changes(comparison)["p99"]
    assert (change.before, change.ratio, change.noise) == (None, None, Noise.UNKNOWN)
    assert "too few calls (n=200, needs 459)" in text(comparison)


def test_windows_of_one_distribution_are_rarely_told_apart() -> None:
    chance = np.random.default_rng(7)
    apart = [
        of_windows(chance.normal(1, 0.1, 8), chance.normal(1, 0.1, 8)) is Noise.BEYOND
        for _ in range(60)
    ]
    assert sum(apart) <= 3


def test_what_differs_in_the_conditions_is_said(base: Result) -> None:
    other = result(
        run(rate=300, seconds=4, warnings=("the busiest process used 93% of a core",)),
        machine=MACHINE.model_copy(update={"cores": 8}),
        workload={"requests": []},
        impasto="0.2.0",
    )
    told = text(compare(base, other))
    for words in (
        "machine (cores) differs: 2 before, 8 after",
        "The workload differs in: requests.",
        "version differs: 0.1.0 before, 0.2.0 after",
        "The load differs: 600 calls per second (Poisson) before, 300",
        "The length differs: 8 s before, 4 s after.",
        "After: The load tester was in the way: the busiest process used 93% of a core",
    ):
        assert words in told


def test_runs_are_paired_by_their_load() -> None:
    before = result(*(run(concurrency=n, seed=n) for n in (1, 2, 4)))
    after = result(*(run(concurrency=n, seed=n) for n in (4, 2, 8)))
    comparison = compare(before, after)
    assert [pair.load for pair in comparison.pairs] == ["2 callers", "4 callers"]
    assert comparison.unpaired == ("1 caller, before only", "8 callers, after only")


def test_of_searches_the_greatest_rate_counts() -> None:
    before = search()
    assert before.search is not None
    lower = before.search.model_copy(update={"greatest": 40.0})
    comparison = compare(before, before.model_copy(update={"search": lower}))
    assert comparison.regressions(0.05) == ("search: greatest rate 50.0/s -> 40.0/s (-20.0 %)",)
    none = before.search.model_copy(update={"greatest": None})
    assert compare(before, before.model_copy(update={"search": none})).regressions(0.5)


def test_stages_are_compared(base: Result, slower: Result) -> None:
    stages = compare(base, slower).pairs[0].stages
    assert "queue (generator)" in [change.name for change in stages]
    assert compare(result(run(metrics=False)), base).pairs[0].stages[0].before is None


def test_the_command_ends_by_the_tolerance(base: Result, slower: Result, tmp_path: Path) -> None:
    one, other = saved(base, tmp_path / "one.json"), saved(slower, tmp_path / "other.json")
    assert called(one, one, "--fail-over", "5%").exit_code == 0
    assert called(one, other).exit_code == 0
    assert called(one, other, "--fail-over", "50%").exit_code == 0
    ended = called(one, other, "--fail-over", "5%")
    assert ended.exit_code == 1
    assert "worse: 600 calls per second (Poisson): p99 " in ended.output


def test_the_command_writes_for_people_and_machines(
    base: Result, slower: Result, tmp_path: Path
) -> None:
    one, other = saved(base, tmp_path / "one.json"), saved(slower, tmp_path / "other.json")
    page, data = tmp_path / "page.html", tmp_path / "data.json"
    ended = called(one, other, "--html", page, "--json", data, "--fail-over", "5 %")
    assert ended.exit_code == 1
    assert Comparison.model_validate_json(data.read_text()) == compare(base, slower)
    content = page.read_text()
    assert "by more than 5 %" in content
    assert content.count("<svg xmlns") == 1
    assert "<script" not in content


def test_nothing_to_judge_is_no_success(base: Result, tmp_path: Path) -> None:
    path = saved(base.model_copy(update={"runs": ()}), tmp_path / "none.json")
    assert called(path, path).exit_code == 0
    ended = called(path, path, "--fail-over", "5%")
    assert (ended.exit_code, "no load is in both files" in ended.output) == (2, True)


def test_unlike_loads_are_shown_and_not_judged(tmp_path: Path) -> None:
    one = saved(result(run(rate=20)), tmp_path / "one.json")
    other = saved(result(run(rate=5, median=0.2)), tmp_path / "other.json")
    page = tmp_path / "page.html"
    assert called(one, other).exit_code == 0
    ended = called(one, other, "--fail-over", "5%", "--html", page)
    assert (ended.exit_code, "worse: " in ended.output) == (2, False)
    assert "cannot be judged: no load is in both files" in ended.output
    assert '<strong class="badge">cannot be judged</strong>' in page.read_text()


def test_what_was_known_and_is_not_any_more_is_no_success(base: Result, tmp_path: Path) -> None:
    known = result(run(rate=30))
    latency = known.runs[0].latency
    lost = latency.model_copy(update={"percentiles": latency.percentiles | {"99": None}})
    untold = result(known.runs[0].model_copy(update={"latency": lost}))
    one, other = saved(known, tmp_path / "one.json"), saved(untold, tmp_path / "other.json")
    ended = called(one, other, "--fail-over", "5%")
    assert ended.exit_code == 2
    assert "cannot be judged: 30 calls per second (Poisson): p99 " in ended.output
    assert called(other, one, "--fail-over", "5%").exit_code == 0


def test_a_search_that_was_stopped_is_not_judged() -> None:
    whole = search()
    assert whole.search is not None
    stopped = whole.search.model_copy(update={"greatest": None, "stopped": "interrupted"})
    comparison = compare(whole, whole.model_copy(update={"search": stopped}))
    assert comparison.regressions(0.05) == ()
    assert len(comparison.unjudged()) == 1
    assert "after: the search was stopped" in comparison_page.sentence(comparison)
    assert compare(whole, whole).unjudged() == ()


def test_a_report_can_be_made_again(base: Result, tmp_path: Path) -> None:
    path, page = saved(base, tmp_path / "one.json"), tmp_path / "page.html"
    ended = CliRunner().invoke(report, [str(path), "--html", str(page)])
    assert ended.exit_code == 0, ended.output
    assert "600 pictures per second" in ended.output
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "got no JSON"),
        ("[" * 100_000, "got no JSON"),
        ("[]", "format: expected 'impasto-load/1', got no such field"),
        ('{"format": "impasto-load/9"}', "format: expected 'impasto-load/1', got 'impasto-load/9'"),
        ('{"format": "impasto-load/1"}', "command: Field required"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(WrongUse) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert called(path, path).exit_code == 2


def test_a_wrong_field_is_named(base: Result, tmp_path: Path) -> None:
    content = json.loads(base.model_dump_json())
    content["runs"][0]["latency"]["mean"] = "long"
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    ended = called(path, path)
    assert ended.exit_code == 2
    assert "runs.0.latency.mean: " in ended.output


@pytest.mark.parametrize(
    ("where", "value", "named"),
    [
        (("seconds",), float("nan"), "runs.0.seconds: "),
        (("throughput",), float("inf"), "runs.0.throughput: "),
        (("sent",), -1, "runs.0.sent: "),
        (("pictures",), 10**400, "runs.0.pictures: "),
        (("windows", 0, "seconds"), 0, "runs.0.windows.0.seconds: "),
        (("latency", "greatest"), 1e300, "runs.0.latency.greatest: "),
        (("latency", "percentiles"), {"most": 1.0}, "runs.0.latency.percentiles.most.[key]: "),
        (("latency", "percentiles"), {"100": 1.0}, "expected a percent between 0 and 100"),
        (("latency", "histogram"), "rubbish", "runs.0.latency.histogram: "),
        (("service_latency", "histogram"), "rubbish", "runs.0.service_latency.histogram: "),
    ],
)
def test_a_figure_that_cannot_be_is_named_with_its_file(
    base: Result, tmp_path: Path, where: tuple[str | int, ...], value: object, named: str
) -> None:
    content = json.loads(base.model_dump_json())
    *parents, name = where
    part = content["runs"][0]
    for parent in parents:
        part = part[parent]
    part[name] = value
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    with pytest.raises(WrongUse) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert named in str(caught.value)


def test_half_of_a_character_is_named_with_its_file(base: Result, tmp_path: Path) -> None:
    content = json.loads(base.model_dump_json()) | {"workload": {"name": "\ud800"}}
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    with pytest.raises(WrongUse, match="workload: expected text") as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_cannot_be_read_or_written_is_named(base: Result, tmp_path: Path) -> None:
    path = saved(base, tmp_path / "one.json")
    missing = called(tmp_path / "none.json", path)
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)
    unwritten = called(path, path, "--html", tmp_path / "none" / "page.html")
    assert (unwritten.exit_code, "cannot be written" in unwritten.output) == (2, True)
    wrong = called(path, path, "--fail-over", "5")
    assert (wrong.exit_code, "such as 5%" in wrong.output) == (2, True)
