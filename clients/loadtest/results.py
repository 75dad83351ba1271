"""What a load test found, as its JSON file has it; all times in seconds.

The file is the one source of the HTML report, of a comparison and of the exit code, so everything
that they tell stands in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

FORMAT: Final = "impasto-load/1"
# No load test reaches these; what is beyond them could not be drawn or added up.
_MOST_SECONDS, _MOST_COUNT, _MOST_RATE = 1e9, 10**15, 1e12


def _percent(name: str) -> str:
    if len(name) > 12 or not name.replace(".", "", 1).isdecimal() or not 0 < float(name) < 100:
        raise ValueError(f"expected a percent between 0 and 100 such as 99.9, got {name[:40]!r}")
    return name


_Count = Annotated[int, Field(ge=0, le=_MOST_COUNT)]
_Seconds = Annotated[float, Field(ge=0, le=_MOST_SECONDS)]
# The shortest that divides anything.
_Length = Annotated[float, Field(ge=1e-6, le=_MOST_SECONDS)]
# Between two readings of clocks or counters, whose rounding may take it a little below nothing.
_Time = Annotated[float, Field(ge=-1e-3, le=_MOST_SECONDS)]
_Rate = Annotated[float, Field(ge=0, le=_MOST_RATE)]
_Share = Annotated[float, Field(ge=0)]
_Percentiles = dict[Annotated[str, AfterValidator(_percent)], _Time | None]


class _Part(BaseModel):
    """A part of the file: complete, and without fields that are not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Distribution(_Part):
    """Times of many calls.

    Attributes:
        count: of calls.
        mean: of their times; None of no calls.
        least: the shortest; None of no calls.
        greatest: the longest; None of no calls.
        percentiles: by percent as text, such as "99" or "99.9"; None where the calls are too few
            for it to mean anything (MLPerf's early-stopping rule: 459 for the 99th).
        histogram: all of them, as HdrHistogram's own compressed text (microseconds).
    """

    count: _Count
    mean: _Time | None
    least: _Time | None
    greatest: _Time | None
    percentiles: _Percentiles
    histogram: str


class Window(_Part):
    """One of the equal parts of the measured time.

    Attributes:
        start: seconds after the measurement's beginning.
        seconds: its length.
        sent: calls that were sent in it.
        answered: calls that were answered well in it.
        failed: calls that ended otherwise in it, by gRPC code.
        pictures: that came in it.
        mean: latency of the answered; None of none.
        percentiles: see `Distribution`.
    """

    start: _Seconds
    seconds: _Length
    sent: _Count
    answered: _Count
    failed: dict[str, _Count]
    pictures: _Count
    mean: _Time | None
    percentiles: _Percentiles


class Stability(_Part):
    """Whether the load test saw a steady state, by perf_analyzer's rule.

    Attributes:
        stable: throughput and latency of the last windows are close to each other.
        windows: how many must be.
        tolerance: greatest over least value may be 1 plus this.
        throughput_spread: greatest over least throughput of those windows, minus 1; None of none.
        latency_spread: the same of the mean latency.
    """

    stable: bool
    windows: _Count
    tolerance: _Share
    throughput_spread: _Share | None
    latency_spread: _Share | None


class Stage(_Part):
    """What the server's own metrics say of one stage, between the measurement's ends.

    Attributes:
        stage: such as "queue", "generator" or "encode".
        model: whose; empty where none is meant.
        count: how often.
        mean: seconds.
        percentiles: read off the server's buckets; see `Distribution`.
    """

    stage: str
    model: str
    count: _Count
    mean: _Time
    percentiles: _Percentiles


class Server(_Part):
    """The server's view of the same time; its calls may be of others, too.

    Attributes:
        source: the URL of the metrics, or the RPC.
        calls: that it counted, by gRPC code.
        stages: where they spent their time.
    """

    source: str
    calls: dict[str, _Count]
    stages: tuple[Stage, ...]


class Client(_Part):
    """Whether the load tester itself was in the way.

    Attributes:
        processes: that made the calls.
        cpu: seconds of processor time, of all of them, per second.
        busiest: the same of the busiest one.
        lateness: from when each call was due until it was sent; of a closed loop, none.
        warnings: in words with figures; empty where it was not in the way.
    """

    processes: _Count
    cpu: _Share
    busiest: _Share
    lateness: Distribution
    warnings: tuple[str, ...]


class Entry(_Part):
    """One kind of request of a mixed workload.

    Attributes:
        name: as the workload names it.
        sent: calls of this kind.
        failed: that did not end well, by gRPC code.
        latency: of those that were answered well.
    """

    name: str
    sent: _Count
    failed: dict[str, _Count]
    latency: Distribution


class Load(_Part):
    """How calls were made.

    Attributes:
        mode: "closed": so many callers, each waiting for its answer; "open": when they are due.
        concurrency: callers of a closed loop; None of an open one.
        rate: calls per second of an open loop; None of a closed one.
        arrivals: how an open loop's calls are spread; None of a closed one.
        seed: of all chance.
    """

    mode: Literal["closed", "open"]
    concurrency: Annotated[int, Field(ge=1, le=_MOST_COUNT)] | None
    rate: _Rate | None
    arrivals: Literal["poisson", "constant", "trace"] | None
    seed: int


class Run(_Part):
    """One measurement under one load.

    Attributes:
        load: how calls were made.
        started: when the measurement began, after its warm-up.
        seconds: its length.
        sent: calls that were sent, or due, in it.
        answered: that ended well.
        failed: that ended otherwise, by gRPC code; "NOT_SENT" where too many were outstanding.
        pictures: that came.
        throughput: answers per second that came in that time, also to calls from before it.
        picture_rate: pictures per second, likewise.
        latency: of the answered; of an open loop from when each was due.
        service_latency: of the answered, from when each was sent, which hides a stalled server's
            waiting callers; of a closed loop the same as `latency`.
        failed_latency: of the others, by gRPC code.
        windows: equal parts of it.
        stability: whether it was steady.
        entries: by kind of request.
        server: the server's own view; None where it has none.
        client: whether the load tester was in the way.
        interrupted: whether it was ended before it was over; what it has is of the time until then.
    """

    load: Load
    started: datetime
    seconds: _Seconds
    sent: _Count
    answered: _Count
    failed: dict[str, _Count]
    pictures: _Count
    throughput: _Rate
    picture_rate: _Rate
    latency: Distribution
    service_latency: Distribution
    failed_latency: dict[str, Distribution]
    windows: tuple[Window, ...]
    stability: Stability
    entries: tuple[Entry, ...]
    server: Server | None
    client: Client
    interrupted: bool = False


class Objective(_Part):
    """A bound that was asked for, and whether it held.

    Attributes:
        text: as it was asked for, such as "p99<50ms".
        bound: its number, in seconds or as a share.
        measured: what came; None where there were too few calls to tell.
        met: whether it held; what could not be told did not.
    """

    text: str
    bound: _Share
    measured: float | None
    met: bool


class Step(_Part):
    """One rate that a search for the greatest one tried.

    Attributes:
        rate: calls per second.
        met: whether all objectives held, and the server kept up with the calls.
        confirming: whether the rate was tried again to confirm it.
        run: its number in the file's runs.
    """

    rate: _Rate
    met: bool
    confirming: bool
    run: _Count


class Search(_Part):
    """A search for the greatest rate that holds the objectives (MLPerf's Server scenario).

    Attributes:
        greatest: calls per second; None where not even the least rate held them, or where the
            search was stopped before it found one.
        steps: what was tried, in order.
        stopped: why it ended before it was over: by the user, or since the load tester itself was
            in the way; empty where it was not.
    """

    greatest: _Rate | None
    steps: tuple[Step, ...]
    stopped: Literal["", "interrupted", "limited"] = ""


class Target(_Part):
    """What was tested.

    Attributes:
        kind: "impasto", "oip" (Open Inference Protocol v2 over gRPC) or "rest".
        address: of the server.
        server: name and version as it tells them; empty where it does not.
    """

    kind: Literal["impasto", "oip", "rest"]
    address: str
    server: str


class Machine(_Part):
    """What the load tester ran on.

    Attributes:
        processor: its name.
        cores: that it may use.
        memory_bytes: of the machine.
        system: operating system and its version.
        python: its version.
    """

    processor: str
    cores: _Count
    memory_bytes: _Count
    system: str
    python: str


class Result(_Part):
    """The whole file.

    Attributes:
        format: `FORMAT`.
        command: that made it.
        impasto: version of the load tester.
        machine: what it ran on.
        target: what was tested.
        workload: the mix of requests, as the workload file has it.
        runs: the measurements, in order.
        objectives: bounds on the last run, or on the greatest rate's.
        search: for the greatest rate; None where none was asked for.
    """

    format: Literal["impasto-load/1"]
    command: tuple[str, ...]
    impasto: str
    machine: Machine
    target: Target
    workload: dict[str, object]
    runs: tuple[Run, ...]
    objectives: tuple[Objective, ...]
    search: Search | None
