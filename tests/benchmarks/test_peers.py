"""The servers and clients of the main benchmark, what it notices, and what it makes of figures."""

import ast
import asyncio
import base64
import json
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.peers import results, starting, visits
from benchmarks.peers.connectors import CONNECTORS, difference, references, rows
from benchmarks.peers.document import Findings, document, write
from benchmarks.peers.load import Load, Outcome, run
from benchmarks.peers.servers import work
from benchmarks.peers.starting import CORES, NARROW, WIDE, Running, Shape, WrongAnswer
from benchmarks.peers.systems import PEERS_PYTHON, SYSTEMS, running
from benchmarks.peers.visits import Entry, Limit, Visit, tuned
from benchmarks.processes import echo

BY_NAME = {system.name: system for system in SYSTEMS}
SERVERS = Path(work.__file__).parent

needs_peers = pytest.mark.skipif(
    not PEERS_PYTHON.exists(), reason="`make .venv-peers/.installed` sets the other systems up"
)


@pytest.mark.parametrize(
    ("name", "size"), [("bare grpc.aio", "64"), ("impasto", "tiny"), ("impasto, Generate", "64")]
)
def test_a_server_answers_rightly_and_is_measured(name: str, size: str) -> None:
    # A server that gives wrong answers does not get as far as the loads.
    with running(BY_NAME[name], size, NARROW) as server:
        assert server.cold_start > 0

        def load(**options: float) -> Outcome:
            what = (server.protocol, server.target, size)
            return asyncio.run(run(*what, seconds=0.3, pids=server.pids, **options))

        closed, opened = load(callers=2), load(rate=20.0)
        assert not closed.errors
        assert not opened.errors
        assert closed.rate > 0
        assert closed.server_cpu > 0
        assert closed.processes == 1
        assert len(opened.latencies) == 20 * 0.3


@pytest.mark.parametrize(("takes", "rate"), [(0.0, 50.0), (1.0, 0.0)])
async def test_an_open_loop_counts_what_is_answered_while_it_runs(
    takes: float, rate: float
) -> None:
    async def call(_: int) -> bytes:
        await asyncio.sleep(takes)
        return b""

    load = Load(call)
    await load.open(50.0, 0.4, seed=0)
    assert len(load.outcome.latencies) == 20
    assert load.outcome.rate == rate


@needs_peers
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("LitServe", NARROW),
        ("LitServe", replace(WIDE, fast_queue=True)),
        ("mosec", WIDE),
        ("MLServer", NARROW),
        ("MLServer", Shape(0, CORES, batch=NARROW.batch)),
    ],
)
def test_another_system_answers_rightly(name: str, shape: Shape) -> None:
    with running(BY_NAME[name], "tiny", shape):
        pass


@pytest.mark.parametrize(
    ("protocol", "path"),
    [("HTTP, raw bytes", "/inference"), ("HTTP, base64 in, raw bytes out", "/predict")],
)
async def test_http_brings_the_row_and_takes_the_answer(protocol: str, path: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    application = web.Application()
    application.router.add_post(path, answer)
    async with TestServer(application) as server:
        target = f"{server.host}:{server.port}"
        async with CONNECTORS[protocol](target, "tiny") as call:
            got = await call(3)
        if "base64" in protocol:
            got = base64.b64decode(json.loads(got)["row"])
        assert got == rows("tiny")[3]
        # Every caller's failed call is counted, and the load goes on.
        outcome = await run("HTTP, raw bytes", target + "/wrong", "tiny", 0.1, callers=2)
        assert not outcome.latencies
        assert outcome.errors.total() >= 2
        assert "404" in next(iter(outcome.errors))


async def test_tensors_of_bytes_are_wrapped_and_unwrapped() -> None:
    with echo("grpcio") as target:
        async with CONNECTORS["OIP gRPC, tensors of bytes"](target, "64") as call:
            assert await call(5) == rows("64")[5]


def test_wrong_answers_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted = [*references("tiny")[1:], *references("tiny")[:1]]
    monkeypatch.setattr(starting, "_right_answers", lambda _: shifted)
    with pytest.raises(WrongAnswer, match="row 0 is off by 1"):
        with running(BY_NAME["bare grpc.aio"], "tiny", NARROW):
            pass


def test_a_server_that_ends_says_why() -> None:
    with ExitStack() as stack:
        server = Running("OIP gRPC, raw tensors", "tiny", NARROW, stack)
        with pytest.raises(RuntimeError, match=r"(?s)status 1: .*no such model"):
            server.start([sys.executable, "-c", "raise SystemExit('no such model')"], 1, {})


def test_distance_of_an_answer() -> None:
    assert difference("64", bytes([0, 255]), bytes([2, 255])) == 2
    assert difference("64", bytes([0]), bytes([255])) == 255
    assert difference("64", bytes(3), bytes(4)) == float("inf")


def test_the_other_systems_share_nothing_with_the_gateway() -> None:
    for path in SERVERS.rglob("*.py"):
        names = [
            name
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        ]
        own = [name for name in names if name.split(".")[0] in {"server", "impasto", "benchmarks"}]
        assert set(own) <= {"benchmarks.peers.servers.work"}, path


def test_configurations_parse() -> None:
    settings = {path.name: json.loads(path.read_text()) for path in SERVERS.rglob("*.json")}
    assert settings.keys() == {"settings.json", "model-settings.json"}
    module, _, name = settings["model-settings.json"]["implementation"].rpartition(".")
    assert f"class {name}(" in (SERVERS / module.rpartition(".")[2] / "__init__.py").read_text()


def outcome(rate: float, milliseconds: float, calls: int, **errors: int) -> Outcome:
    return Outcome(rate, [milliseconds / 1e3] * calls, Counter(errors), 0.5, 9.0, 3)


@pytest.fixture
def entry() -> Entry:
    """Three rounds; only all rounds together have calls enough for a 99th percentile."""
    rates = [(50.0, 100.0), (60.0, 100.0), (30.0, 40.0)]
    rounds = [
        Visit(
            Limit(limit, lone=0.010),
            {"1": outcome(rate, 12, 100), "16": outcome(rate, 20, 153, broken=1)},
            cold_start=1.0,
            memory=200.0,
        )
        for rate, limit in rates
    ]
    return Entry(BY_NAME["mosec"], "64", NARROW, ("1", "16"), visits=rounds)


def test_ratios_are_to_the_limit_of_the_same_visit(entry: Entry) -> None:
    assert results.crowd_table([entry]).splitlines()[2] == (
        f"| mosec | {NARROW} | up to 8 | 50 (30 to 60) | 0.6 (0.5 to 0.75) | 20 / 20 |"
    )
    assert results.lone_table([entry]).splitlines()[2] == (
        f"| mosec | {NARROW} | 50 (30 to 60) | 12 / - | 1.2 (1.2 to 1.2) |"
    )
    assert results.start_table([entry]).splitlines()[2].endswith("| 3 | 3 of 762 |")


def test_a_lone_caller_of_the_tiny_work_waits_for_no_batch() -> None:
    for system in SYSTEMS:
        _, alone = system.shapes("tiny")
        assert all(shape.batch == 1 for shape in alone), system.name
        # Who has no shape of its own for a lone caller makes batches without a window.
        assert alone or system.batches is not None, system.name


def test_the_better_shape_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    # Medians are 90 and 100; means would be 300 and 100.
    told = iter([10.0, 90.0, 800.0, 100.0, 100.0, 100.0])
    seen = []

    def load(server: Running, seconds: float, flags: list[str]) -> Outcome:
        seen.append((server.shape, *flags))
        return outcome(next(told), 10, 2)

    monkeypatch.setattr(visits, "_load", load)
    one = Entry(BY_NAME["bare grpc.aio"], "tiny", NARROW, ("16",), choices=(NARROW, WIDE))
    assert tuned(one, 0.1) == {NARROW: {"16": 90.0}, WIDE: {"16": 100.0}}
    assert one.shape == WIDE
    assert seen == [(NARROW, "--callers=16")] * 3 + [(WIDE, "--callers=16")] * 3


def test_the_tiny_work_has_a_table_for_each_load(entry: Entry) -> None:
    line = f"| mosec | {NARROW} | up to 8 | 50 (30 to 60) |"
    costs = "9 (9 to 9) | 0.5 (0.5 to 0.5)"
    many, lone = results.tiny_crowd_table([entry]), results.tiny_lone_table([entry])
    assert many.splitlines()[2] == f"{line} 20 / 20 | {costs} | 3 of 462 |"
    assert lone.splitlines()[2] == f"{line} 12 / - | {costs} | 0 of 300 |"


def test_the_limit_is_told_with_its_range(entry: Entry) -> None:
    text = results.limits_text([entry], batch=4)
    assert "100 (40 to 100) pictures/s" in text
    assert "picture 10 (10 to 10) ms" in text


def test_a_system_that_failed_is_in_the_result(entry: Entry, tmp_path: Path) -> None:
    failed = Entry(BY_NAME["MLServer"], "64", WIDE, ("1",), failures=["no such\nmodel"] * 3)
    findings = Findings("run", "machine", ["a 1.0"], [entry, failed], {"64": (4, 100.0)})
    text = document(findings)
    assert text.count(f"**MLServer, {WIDE}, 64: failed**: no such model") == 1
    assert "70 calls/s" in text
    write(findings, tmp_path)
    (mosec, mlserver) = json.loads((tmp_path / "peers.json").read_text())["entries"]
    assert mosec["visits"][2]["limit"] == {"rate": 40.0, "lone": 0.01}
    assert mosec["visits"][0]["loads"]["16"]["errors"] == {"broken": 1}
    assert mlserver["failures"] == ["no such\nmodel"] * 3
