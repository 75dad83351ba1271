"""The options of `impasto load`, in groups, and what they mean together."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from impasto.cli.options import CREDENTIAL_OPTIONS
from impasto.connection import DEFAULT_TIMEOUT_SECONDS

from loadtest.errors import WrongUse
from loadtest.schedule import MOST_SEED
from loadtest.targets.base import Connection

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
_ADDRESSES = {
    "impasto": "localhost:8081",
    "oip": "localhost:8001",
    "rest": "http://localhost:8080",
}
_MOST_CALLERS = 100_000
_MOST_RUNS = 1000
_PICTURES = ("count", "size", "style", "label", "format_name")
_TENSORS = ("model_version", "rows", "shapes", "data")
_SEARCH = ("precision", "confirmations")
# What changes nothing in each kind of test.
_UNUSED = {
    "concurrency": ("arrivals", "speed", "max_outstanding", *_SEARCH),
    "rate": ("speed", *_SEARCH),
    "find_max": ("arrivals", "speed", "max_windows"),
    "replay": (
        *("arrivals", "seconds", "warm_up", "max_windows", *_SEARCH),
        *("model", *_PICTURES, *_TENSORS),
    ),
}
_OPTION_OF = {"format_name": "format", "shapes": "shape"}
# A week.
_MOST_SECONDS = 604_800


class _Number(click.FloatRange):
    """A number in a range, which NaN is not."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """As every type does."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


_TARGET = (
    click.option(
        "--target",
        type=click.Choice(list(_ADDRESSES)),
        default="impasto",
        help="What to call: Impasto over gRPC, any server of the Open Inference Protocol v2 (gRPC, "
        "or HTTP where --address is a URL), or Impasto's REST face.",
    ),
    click.option(
        "--address",
        envvar="IMPASTO_TARGET",
        show_envvar=True,
        help="Of the server; absent: " + ", ".join(f"{a} ({k})" for k, a in _ADDRESSES.items()),
    ),
    click.option(
        "--timeout",
        type=_Number(0, _MOST_SECONDS, min_open=True),
        default=DEFAULT_TIMEOUT_SECONDS,
        help="Seconds that a call may take.",
    ),
    click.option(
        "--connections",
        type=click.IntRange(1, 1000),
        default=1,
        help="gRPC connections of each process; over HTTP every outstanding call has one.",
    ),
    *CREDENTIAL_OPTIONS,
)
_LOAD = (
    click.option(
        "--concurrency",
        help="Closed loop: so many callers, each waiting for its answer before its next call; "
        "several runs as 1,4,16 or START:END[:STEP].",
    ),
    click.option(
        "--rate",
        type=_Number(0, 1e6, min_open=True),
        help="Open loop: so many calls per second, each at its time, whatever became of the "
        "others; with --find-max: where to start.",
    ),
    click.option(
        "--arrivals",
        type=click.Choice(["poisson", "constant"]),
        default="poisson",
        help="Of an open loop.",
    ),
    click.option("--replay", type=_FILE, help="Open loop: the calls of a trace (.jsonl or .csv)."),
    click.option(
        "--speed",
        type=_Number(1e-3, 1e3),
        default=1.0,
        help="Of the trace: 2 plays it in half the time.",
    ),
    click.option("--record", type=_NEW_FILE, help="Write an open loop's calls, to replay them."),
    click.option(
        "--seed",
        type=click.IntRange(0, MOST_SEED),
        help="Of all chance; absent: another one each time, which is told.",
    ),
)
_LENGTH = (
    click.option(
        "--seconds",
        type=_Number(0.1, _MOST_SECONDS),
        help="Length of the measurement. Absent: window by window, until the last three differ by "
        "at most 10 % in throughput and in mean latency. Nothing that was measured is left out.",
    ),
    click.option("--window", type=_Number(0.1, 3600), default=5.0, help="Seconds of one."),
    click.option(
        "--max-windows",
        type=click.IntRange(3, 600),
        default=10,
        help="After so many it ends, stable or not.",
    ),
    click.option(
        "--warm-up", type=_Number(0, 3600), default=2.0, help="Seconds of load before it."
    ),
    click.option(
        "--processes",
        type=click.IntRange(1, 256),
        help="That make the calls. Absent: one for every 1000 calls/s or 16 callers, and a core "
        "less than there are.",
    ),
    click.option(
        "--max-outstanding",
        type=click.IntRange(1, 1_000_000),
        default=10_000,
        help="Calls of an open loop that may wait for answers; beyond, calls fail as NOT_SENT.",
    ),
)
_REQUEST = (
    click.option("--workload", type=_FILE, help="Mix of requests (YAML or JSON)."),
    click.option("--model", default="", help="Its name; Impasto has a default."),
    click.option("--count", type=click.IntRange(1, 256), default=1, help="Pictures of one call."),
    click.option("--size", type=click.IntRange(0), default=0, help="Longer side; 0: the model's."),
    click.option("--style", default="", help="Style to paint in; absent: not painted."),
    click.option("--label", default="", help="Class to show, for models that know some."),
    click.option(
        "--format",
        "format_name",
        type=click.Choice(["png", "raw", "jpeg", "webp"]),
        default="png",
        help="Of the pictures.",
    ),
    click.option("--model-version", default="", help="oip: version of the model."),
    click.option("--rows", type=click.IntRange(1), default=1, help="oip: rows of a batch."),
    click.option(
        "--shape", "shapes", multiple=True, help="oip: NAME:DIM,DIM,... of a variable input."
    ),
    click.option(
        "--data", default="random", help="oip: random, zeros, or a file (.npz or .json) of inputs."
    ),
)
_VERDICT = (
    click.option(
        "--slo",
        "slos",
        multiple=True,
        help="Bound that must hold, or the exit code is 1: p99<50ms, mean<20ms, errors<1%, "
        "throughput>80. A failed call is slower than any bound.",
    ),
    click.option(
        "--find-max",
        is_flag=True,
        help="Search for the greatest Poisson rate that holds every --slo.",
    ),
    click.option(
        "--precision",
        type=_Number(0.001, 0.5),
        default=0.03,
        help="Relative, of that rate.",
    ),
    click.option(
        "--confirmations",
        type=click.IntRange(0, 100),
        default=3,
        help="Runs in a row that must hold it; MLPerf asks for 5.",
    ),
)
_OUTPUT = (
    click.option(
        "--metrics-url",
        help="The server's metrics; absent: http://HOST:8080/metrics, or beside the REST face, "
        "where that answers.",
    ),
    click.option("--json", "json_file", type=_NEW_FILE, help="Write everything for machines."),
    click.option("--html", "html_file", type=_NEW_FILE, help="Write a report to look at."),
    click.option("--quiet", is_flag=True, help="Tell nothing before the end."),
)


def load_options(command: Command) -> Command:
    """All of them."""
    every = (*_TARGET, *_LOAD, *_LENGTH, *_REQUEST, *_VERDICT, *_OUTPUT)
    for option in reversed(every):
        command = option(command)
    return command


def connection_of(given: dict[str, Any]) -> Connection:
    """How to reach the server.

    Raises:
        WrongUse: options do not go together.
    """
    if (given["certificate"] is None) != (given["key"] is None):
        raise WrongUse("--certificate and --key go together")
    address = _address(given)
    is_url = _is_url(address)
    if given["target"] == "impasto" and is_url:
        raise WrongUse(f"--address: expected host:port for --target impasto, got {address}")
    if given["target"] == "rest" and not is_url:
        raise WrongUse(f"--address: expected http://host:port for --target rest, got {address}")
    files = {name: given[name] for name in ("ca", "certificate", "key")}
    return Connection(
        address=address,
        timeout=given["timeout"],
        connections=given["connections"],
        api_key=given["api_key"],
        tls=given["tls"] or any(files.values()),
        **files,
    )


def _address(given: dict[str, Any]) -> str:
    address: str = given["address"] or _ADDRESSES[given["target"]]
    return address


def _is_url(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def request_of(given: dict[str, Any]) -> dict[str, Any]:
    """The one kind of request that options describe.

    Raises:
        WrongUse: a shape is none, or a model is missing.
    """
    if given["target"] == "oip":
        if not given["model"]:
            raise WrongUse("--target oip needs --model, the name of the model to call")
        data = given["data"]
        return {
            "model": given["model"],
            "version": given["model_version"],
            "rows": given["rows"],
            "shapes": dict(map(_shape, given["shapes"])),
            "data": data if data in ("random", "zeros") else str(Path(data).absolute()),
        }
    wanted = {name: given[name] for name in ("model", "count", "size", "style", "label")}
    present = {name: value for name, value in wanted.items() if value}
    return present | {"format": given["format_name"]}


def callers_of(text: str) -> list[int]:
    """The numbers of callers that --concurrency asks for.

    Raises:
        WrongUse: they are none.
    """
    try:
        if ":" in text:
            start, end, *step = map(int, text.split(":"))
            callers: Sequence[int] = range(start, end + 1, *step)
        else:
            callers = [int(part) for part in text.split(",")]
    except (TypeError, ValueError):
        callers = []
    # A range is looked at before it is a list: it may be endless.
    too_many = len(callers[: _MOST_RUNS + 1]) > _MOST_RUNS
    if not callers or too_many or not all(1 <= each <= _MOST_CALLERS for each in callers):
        raise WrongUse(
            f"--concurrency: expected numbers from 1 to {_MOST_CALLERS}, at most {_MOST_RUNS} of "
            f"them, as 4, 1,4,16 or START:END[:STEP], got {text!r}"
        )
    return list(callers)


def check_together(given: dict[str, Any]) -> None:
    """See that one load is asked for, and what goes with it.

    Raises:
        WrongUse: says what would do.
    """
    ways = [f"--{name}" for name in ("concurrency", "rate", "replay") if given[name] is not None]
    if given["find_max"]:
        if not given["slos"]:
            raise WrongUse("--find-max needs --slo, such as --slo 'p99<50ms'")
        if set(ways) - {"--rate"}:
            raise WrongUse(f"--find-max is an open loop of its own; leave out {_words(ways)}")
        if given["record"]:
            raise WrongUse("--record: expected one open loop, got --find-max")
        return
    if len(ways) != 1:
        raise WrongUse(
            "expected one of --concurrency N (closed loop), --rate R (open loop), --replay FILE "
            f"and --find-max, got {_words(ways)}"
        )
    if given["record"] and given["rate"] is None:
        raise WrongUse("--record: expected --rate: other loops have no schedule to write")
    if given["replay"] is not None and given["workload"] is not None:
        raise WrongUse("--replay brings its own requests; leave out --workload")


def check_used(given: dict[str, Any], written: Collection[str]) -> None:
    """See that no option is given that would change nothing.

    Args:
        given: all options.
        written: names of those that the user wrote.

    Raises:
        WrongUse: names the option, and what it does not go with.
    """
    loop = "concurrency" if given["concurrency"] is not None else "rate"
    unused = {f"--{loop}": _UNUSED[loop]}
    if given["find_max"]:
        unused = {"--find-max": _UNUSED["find_max"]}
    elif given["replay"] is not None:
        unused = {"--replay": _UNUSED["replay"]}
    if given["workload"] is not None:
        unused["--workload"] = (*_TENSORS, *_PICTURES, "model")
    if given["seconds"] is not None:
        unused["--seconds"] = ("max_windows",)
    if _is_url(_address(given)):
        unused["an HTTP address"] = ("connections",)
    unused[f"--target {given['target']}"] = _PICTURES if given["target"] == "oip" else _TENSORS
    for what, names in unused.items():
        if found := [_OPTION_OF.get(name, name) for name in names if name in written]:
            options = _words(f"--{name.replace('_', '-')}" for name in found)
            raise WrongUse(f"{options} would change nothing with {what}; leave it out")


def _words(ways: Iterable[str]) -> str:
    return " and ".join(ways) or "none"


def _shape(text: str) -> tuple[str, list[int]]:
    name, _, sizes = text.rpartition(":")
    try:
        shape = [int(size) for size in sizes.split(",")]
    except ValueError:
        shape = []
    if not name or not shape or min(shape) < 0:
        raise WrongUse(f"--shape: expected NAME:DIM,DIM,... such as x:1,128, got {text!r}")
    return name, shape
