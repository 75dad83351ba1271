"""The generated files: that they are those that are committed, and that they make sense."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from running_prometheus import COMMITTED, needs_prometheus
from running_server import ROOT

from deploy.monitoring.dashboards.files import as_json
from deploy.monitoring.files import DASHBOARDS, RULES, generated_files
from deploy.monitoring.objectives import (
    AVAILABILITY,
    FAILED_REASONS,
    JOBS,
    LATENCY,
    LATENCY_BOUND_SECONDS,
    SHED_REASONS,
)
from server.errors import SHED, Reason
from server.telemetry.families import LATENCY_BUCKETS

BOARDS = sorted(DASHBOARDS.glob("*.json"))
COLUMNS = 24
# Fires always.
WATCHDOG = "ImpastoWatchdog"
ALERTS, RECORDINGS = (
    [
        rule
        for group in yaml.safe_load((RULES / f"{name}.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    for name in ("alerts", "recording")
)
# Labels in parentheses, which are no series; what is no function, no word of PromQL and no number
# is one.
GROUPING = r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)"
SELECTOR = (
    r"(?<![\w:\[\".|=~.])(?!(?:and|or|unless|offset|bool)\b)([a-zA-Z_:][\w:]*)\b(?![\w:]*\s*\()"
    r"(\{[^}]*\})?"
)
JOB = re.compile(r'[{,]\s*job=~?"(impasto|triton|impasto\|triton)"')


def test_what_is_committed_is_what_is_generated() -> None:
    generated = generated_files()
    assert set(generated) == {*BOARDS, *RULES.glob("*")}
    for path, text in generated.items():
        assert path.read_text() == text, f"{path.name}: run `make dashboards`"


def test_the_objectives_can_be_measured_and_are_described() -> None:
    assert LATENCY_BOUND_SECONDS in LATENCY_BUCKETS
    assert set(SHED_REASONS) == SHED
    described = (ROOT / "docs/monitoring.md").read_text()
    assert f"| {100 * AVAILABILITY:g} % succeed |" in described
    assert f"| {100 * LATENCY:g} % within {LATENCY_BOUND_SECONDS} s |" in described


def test_calls_fail_for_the_reasons_that_the_server_is_to_blame_for() -> None:
    text = (ROOT / "docs/metrics.md").read_text()
    codes = dict(re.findall(r"^\| `(\w+)` \| ([A-Z_]+) \|", text, re.MULTILINE))
    assert codes.keys() == set(Reason)
    blamed = {"DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"}
    # Somebody unloads a model on purpose, and its callers are told so.
    failed = {reason for reason, code in codes.items() if code in blamed} - {"unloading"}
    assert set(FAILED_REASONS) == failed


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_library_reads_what_it_has_written(path: Path) -> None:
    register_default_plugins()
    assert as_json(Dashboard.from_json(json.loads(path.read_text()))) == path.read_text()


def panels(path: Path) -> list[dict[str, Any]]:
    board = json.loads(path.read_text())
    assert board["uid"] == path.stem
    found: list[dict[str, Any]] = board["panels"]
    return found


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_are_numbered_and_do_not_overlap(path: Path) -> None:
    shown = panels(path)
    assert [panel["id"] for panel in shown] == list(range(1, len(shown) + 1))
    taken = Counter(
        (column, line)
        for place in (panel["gridPos"] for panel in shown)
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    )
    assert set(taken.values()) == {1}
    assert {column for column, _ in taken} == set(range(COLUMNS))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_explain_themselves(path: Path) -> None:
    titles = Counter((panel["type"], panel["title"]) for panel in panels(path))
    assert set(titles.values()) == {1}
    for panel in panels(path):
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert all(target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_latencies_show_exemplars(path: Path) -> None:
    for panel in panels(path):
        expressions = [target["expr"] for target in panel.get("targets", [])]
        timed = any("impasto_request_seconds_bucket" in expr for expr in expressions)
        if timed and panel["type"] in ("timeseries", "heatmap"):
            assert any(target["exemplar"] for target in panel["targets"]), panel["title"]


def test_every_alert_has_its_place_in_the_runbook() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    assert headings == [alert["alert"] for alert in ALERTS]
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] == f"docs/monitoring.md#{alert['alert'].lower()}"
        severities = ("none",) if alert["alert"] == WATCHDOG else ("critical", "warning")
        assert alert["labels"]["severity"] in severities


def test_every_alert_is_tested_firing_and_not_firing() -> None:
    cases: dict[str, set[bool]] = {alert["alert"]: set() for alert in ALERTS}
    for path in (COMMITTED / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                cases[case["alertname"]].add(bool(case["exp_alerts"]))
    assert cases.pop(WATCHDOG) == {True}
    assert all(seen == {True, False} for seen in cases.values()), cases


def test_no_rule_looks_at_other_peoples_jobs() -> None:
    for rule in RECORDINGS + ALERTS:
        selectors = re.findall(SELECTOR, re.sub(GROUPING, " ", rule["expr"]))
        wild = [name for name, matchers in selectors if JOB.search(matchers) is None]
        assert not wild, f"{rule}: {wild}"


def test_the_jobs_are_those_that_prometheus_reads() -> None:
    configuration = yaml.safe_load((COMMITTED / "prometheus.yml").read_text())
    assert tuple(job["job_name"] for job in configuration["scrape_configs"]) == JOBS


@needs_prometheus
def test_a_gpu_that_two_targets_show_counts_once(tmp_path: Path) -> None:
    targets = ('job="impasto", instance="a:8080"', 'job="triton", instance="a:8002"')
    series = {
        f'{family}{{{target}, gpu_uuid="GPU-1"}}': values
        for target in targets
        for family, values in {
            "nv_gpu_utilization": "0.5x10",
            "nv_gpu_power_usage": "300x10",
            "nv_energy_consumption": "0+18000x10",
        }.items()
    } | {f"impasto_pictures_total{{{targets[0]}}}": "0+600x10"}
    expected = {
        "GPUs": 1,
        "Power": 300,
        "Pictures per joule": 10 / 300,
        "Cost of 1000 pictures": 1000 * 3.6 / 3600 / 10,
    }
    check_panels(tmp_path, "impasto-gpu", series, expected)


@needs_prometheus
def test_capacity_follows_the_number_of_gateways(tmp_path: Path) -> None:
    """One of three that were full has gone, and one has come that was not full yet."""
    series = {'up{job="triton", instance="a:8002"}': "1x10"}
    for name, up, made, refused in (
        ("a", "1x10", "0+600x10", "0+600x10"),
        ("b", "1x10", "0+600x10", "0+600x10"),
        ("gone", "0x10", "0+600x7 4200x3", "0+600x7 4200x3"),
        ("new", "1x10", "0+60x10", "0x10"),
    ):
        target = f'job="impasto", instance="{name}:8080"'
        series |= {
            f"up{{{target}}}": up,
            f"impasto_calls_total{{{target}}}": "0+6000x10",
            f"impasto_pictures_total{{{target}}}": made,
            f'impasto_rejections_total{{{target}, reason="backlog", method="Generate"}}': refused,
        }
    check_panels(tmp_path, "impasto-capacity", series, {"Targets that answer": 4, "Capacity": 30})


def check_panels(
    folder: Path, board: str, series: dict[str, str], expected: dict[str, float]
) -> None:
    """Let promtool work out panels of one number from series of a value a minute."""
    shown = {panel["title"]: panel for panel in reversed(panels(DASHBOARDS / f"{board}.json"))}
    cases = [
        {
            "expr": filled_in(shown[title]["targets"][0]["expr"]),
            "eval_time": "9m",
            "exp_samples": [{"labels": "{}", "value": value}],
        }
        for title, value in expected.items()
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": cases,
    }
    path = folder / "panels.yml"
    rules = [str(RULES / "recording.yml")]
    path.write_text(yaml.dump({"rule_files": rules, "evaluation_interval": "1m", "tests": [test]}))
    promtool("test", "rules", str(path))


def filled_in(expr: str) -> str:
    values = {"$__rate_interval": "5m", "$price": "3.6"}
    for name, value in values.items():
        expr = expr.replace(name, value)
    return re.sub(r"\$\w+", ".*", expr)


@needs_prometheus
def test_prometheus_takes_configuration_and_rules() -> None:
    promtool("check", "config", str(COMMITTED / "prometheus.yml"))
    promtool("check", "rules", *map(str, sorted((COMMITTED / "rules").glob("*.yml"))))
    promtool("test", "rules", *map(str, sorted((COMMITTED / "tests").glob("*.yml"))))


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
