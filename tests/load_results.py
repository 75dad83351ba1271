"""Plausible results of load tests, from seeded chance and the load tester's own histograms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from loadtest.histogram import Histogram
from loadtest.results import (
    Client,
    Distribution,
    Entry,
    Load,
    Machine,
    Objective,
    Result,
    Run,
    Search,
    Server,
    Stability,
    Stage,
    Step,
    Target,
    Window,
)

MACHINE = Machine(
    processor="AMD EPYC 9B14",
    cores=2,
    memory_bytes=8 * 2**30,
    system="Linux 6.1 (Debian 12)",
    python="3.11.7",
)
TARGET = Target(kind="impasto", address="localhost:8081", server="impasto 0.1.0")
STAGES = (
    ("admission", "", 0.0002),
    ("queue", "generator", 0.0024),
    ("generator", "generator", 0.0081),
    ("queue", "stylizer", 0.0031),
    ("stylizer", "stylizer", 0.0164),
    ("encode", "", 0.0052),
)


@dataclass(frozen=True)
class Pattern:
    """What chance is to look like.

    Attributes:
        rate: calls per second; none at all where it is 0.
        seconds: of the measurement, in windows of one.
        median: seconds of a call.
        failing: share of the calls.
        stall: the server answers nothing from the first until the second of these seconds.
        concurrency: callers of a closed loop; an open one where there are none.
        seed: of chance.
        entries: kinds of request.
        metrics: whether the server told its stages.
        warnings: of the load tester about itself.
    """

    rate: float = 50
    seconds: int = 20
    median: float = 0.038
    failing: float = 0
    stall: tuple[float, float] = (0, 0)
    concurrency: int | None = None
    seed: int = 1
    entries: tuple[str, ...] = ("generate",)
    metrics: bool = True
    warnings: tuple[str, ...] = field(default=())


def run(pattern: Pattern | None = None, **changes: object) -> Run:
    """One measurement."""
    p = pattern or Pattern(**changes)  # type: ignore[arg-type]
    chance = np.random.default_rng(p.seed)
    count = int(p.rate * p.seconds)
    due = np.sort(chance.uniform(0, p.seconds, count))
    service = p.median * np.exp(chance.normal(0, 0.22, count))
    start, end = p.stall
    held = (due >= start) & (due < end)
    latency = service + np.where(held, end - due, 0)
    well = chance.uniform(0, 1, count) >= p.failing
    kinds = chance.integers(0, len(p.entries), count)
    failed = {"RESOURCE_EXHAUSTED": int((~well).sum())} if (~well).any() else {}
    windows = tuple(_window(i, due, latency, well) for i in range(p.seconds))
    answered = int(well.sum())
    return Run(
        load=_load(p),
        started=datetime(2026, 3, 4, 15, 16, 17, tzinfo=UTC),
        seconds=float(p.seconds),
        sent=count,
        answered=answered,
        failed=failed,
        pictures=answered,
        throughput=answered / p.seconds if p.seconds else 0.0,
        picture_rate=answered / p.seconds if p.seconds else 0.0,
        latency=times(latency[well]),
        service_latency=times((latency if p.concurrency else service)[well]),
        failed_latency={code: times(np.full(n, 0.0004)) for code, n in failed.items()},
        windows=windows,
        stability=Stability(
            stable=True, windows=3, tolerance=0.1, throughput_spread=0.034, latency_spread=0.021
        ),
        entries=tuple(
            _entry(name, latency[kinds == i], well[kinds == i]) for i, name in enumerate(p.entries)
        ),
        server=_server(answered, failed) if p.metrics else None,
        client=Client(
            processes=2,
            cpu=0.31,
            busiest=0.17,
            lateness=times(chance.exponential(0.0001, 0 if p.concurrency else count)),
            warnings=p.warnings,
        ),
    )


def result(*runs: Run, **changes: object) -> Result:
    """A whole file."""
    parts: dict[str, object] = {
        "format": "impasto-load/1",
        "command": ("impasto", "load", "--target", "localhost:8081", "--slo", "p99<100ms"),
        "impasto": "0.1.0",
        "machine": MACHINE,
        "target": TARGET,
        "workload": {"requests": [{"name": "generate", "style": "great_wave"}]},
        "runs": runs or (run(),),
        "objectives": (),
        "search": None,
    }
    return Result.model_validate(parts | changes)


def search() -> Result:
    """A search for the greatest rate, twice confirmed."""
    rates = (20.0, 40.0, 80.0, 60.0, 50.0, 55.0, 50.0, 50.0)
    medians = (0.031, 0.034, 0.31, 0.09, 0.04, 0.07, 0.041, 0.04)
    runs = [
        run(rate=rate, median=median, seed=i)
        for i, (rate, median) in enumerate(zip(rates, medians, strict=True))
    ]
    met = [
        r.latency.percentiles["99"] is not None and m < 0.05
        for r, m in zip(runs, medians, strict=True)
    ]
    steps = tuple(
        Step(rate=rate, met=met[i], confirming=i > 5, run=i) for i, rate in enumerate(rates)
    )
    objective = Objective(
        text="p99<100ms", bound=0.1, measured=runs[-1].latency.percentiles["99"], met=True
    )
    return result(*runs, objectives=(objective,), search=Search(greatest=50.0, steps=steps))


def times(seconds: np.ndarray) -> Distribution:
    """The distribution of these times."""
    histogram = Histogram()
    histogram.record(seconds)
    return histogram.distribution()


def _window(number: int, due: np.ndarray, latency: np.ndarray, well: np.ndarray) -> Window:
    ended = ((due + latency).astype(int) == number) & well
    failed = int(((due.astype(int) == number) & ~well).sum())
    histogram = Histogram()
    histogram.record(latency[ended])
    return Window(
        start=float(number),
        seconds=1.0,
        sent=int((due.astype(int) == number).sum()),
        answered=int(ended.sum()),
        failed={"RESOURCE_EXHAUSTED": failed} if failed else {},
        pictures=int(ended.sum()),
        mean=histogram.mean,
        percentiles=histogram.values((50.0, 90.0, 99.0)),
    )


def _load(pattern: Pattern) -> Load:
    if pattern.concurrency:
        return Load(
            mode="closed",
            concurrency=pattern.concurrency,
            rate=None,
            arrivals=None,
            seed=pattern.seed,
        )
    return Load(
        mode="open", concurrency=None, rate=pattern.rate, arrivals="poisson", seed=pattern.seed
    )


def _entry(name: str, latency: np.ndarray, well: np.ndarray) -> Entry:
    failed = {"RESOURCE_EXHAUSTED": int((~well).sum())} if (~well).any() else {}
    return Entry(name=name, sent=len(latency), failed=failed, latency=times(latency[well]))


def _server(answered: int, failed: dict[str, int]) -> Server:
    stages = tuple(
        Stage(
            stage=stage,
            model=model,
            count=answered,
            mean=mean,
            percentiles={"50": mean * 0.9, "99": mean * 2.5 if answered >= 459 else None},
        )
        for stage, model, mean in STAGES
        if answered
    )
    calls = {"OK": answered, **failed} if answered else {}
    return Server(source="http://localhost:8080/metrics", calls=calls, stages=stages)
