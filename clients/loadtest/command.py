"""`impasto load`: from options to a test, and from what it found to files and an exit code."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import traceback
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from loadtest.demand import Demand, Spec, Trace, schedule_of
from loadtest.errors import LoadTestError, WrongUse
from loadtest.machine import machine
from loadtest.objectives import Bound, parsed
from loadtest.options import (
    callers_of,
    check_together,
    check_used,
    connection_of,
    load_options,
    request_of,
)
from loadtest.progress import Progress
from loadtest.report.commands import compare, report
from loadtest.report.html import render
from loadtest.results import FORMAT, Result, Target
from loadtest.schedule import MOST_SEED
from loadtest.summary import show
from loadtest.targets.base import without_credentials
from loadtest.tester import Hunt, Outcome, Tester
from loadtest.trace import read_trace, write_trace
from loadtest.workload import Workload, read_workload, single

_NOT_MET, _FAILED = 1, 3


class _TestFailed(click.ClickException):
    """The test could not be done."""

    exit_code = _FAILED


class _Load(click.Group):
    """A group that remembers how it was called."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """As every command does."""
        called = ("impasto", "load", *_without_secrets(args))
        context = super().make_context(info_name, args, parent, **extra)
        context.obj = called
        return context


@click.group(cls=_Load, invoke_without_command=True, context_settings={"show_default": True})
@load_options
@click.pass_context
def load(context: click.Context, /, **given: Any) -> None:
    r"""Put a load on a server and tell what its callers see.

    \b
    impasto load --concurrency 4 --style great_wave
    impasto load --rate 50 --seconds 60 --slo 'p99<50ms' --html report.html
    impasto load --find-max --slo 'p99<50ms' --style great_wave
    impasto load --target oip --address localhost:8001 --model add_one --concurrency 1,4,16

    In an open loop (--rate) a call's latency counts from when it was due, so a server that stalls
    cannot hide those who would have called meanwhile. Calls are never repeated: a refused call is
    a failed call. Exit code: 0 every --slo holds, 1 one does not, 2 wrong use, 3 the test could
    not be done or was interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        check_together(given)
        check_used(given, _written(context))
        _check_writable(given)
        result, is_interrupted = _tested(given, context.obj)
        show(result, Console(width=None if Console().is_terminal else 80))
        _write(result, given)
    except WrongUse as error:
        raise click.UsageError(str(error)) from error
    except LoadTestError as error:
        raise _TestFailed(str(error)) from error
    except Exception as error:
        # Python's own exit code would say that an --slo does not hold.
        raise _TestFailed(f"a fault of the load tester: {_words_of(error)}") from error
    if is_interrupted:
        raise _TestFailed("interrupted")
    if result.search is not None and result.search.stopped == "limited":
        raise _TestFailed("limited by the load tester")
    not_found = result.search is not None and result.search.greatest is None
    if not_found or not all(objective.met for objective in result.objectives):
        context.exit(_NOT_MET)


# They read what a test wrote.
load.add_command(report)
load.add_command(compare)


def _written(context: click.Context) -> set[str]:
    """Names of the options that the user wrote."""
    source = context.get_parameter_source
    return {name for name in context.params if source(name) is ParameterSource.COMMANDLINE}


def _words_of(error: Exception) -> str:
    """Its kind, where it arose, and what it says."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {error}"


def _check_writable(given: dict[str, Any]) -> None:
    """See that files can be written before a test is made for them.

    Raises:
        WrongUse: names the option.
    """
    for option, name in (("--json", "json_file"), ("--html", "html_file"), ("--record", "record")):
        path = given[name]
        if path is not None and not os.access(path.absolute().parent, os.W_OK | os.X_OK):
            raise WrongUse(f"{option}: expected a file in a folder that can be written, got {path}")


def _tested(given: dict[str, Any], called: tuple[str, ...]) -> tuple[Result, bool]:
    """What was found, and whether it was interrupted."""
    bounds = [parsed(text) for text in given["slos"]]
    if given["find_max"] and any(bound.kind == "throughput" for bound in bounds):
        raise WrongUse("--find-max: expected bounds that fewer calls hold rather, got throughput>")
    connection = connection_of(given)
    # The same pictures again would come from a cache.
    seed = secrets.randbelow(MOST_SEED + 1) if given["seed"] is None else given["seed"]
    workload, trace = _calls(given, seed)
    spec = Spec(
        kind=given["target"],
        connection=connection,
        workload=workload,
        processes=given["processes"],
        most_outstanding=given["max_outstanding"],
        window=given["window"],
        most_windows=given["max_windows"],
        seconds=given["seconds"],
        warm_up=given["warm_up"],
    )
    outcome = asyncio.run(_run(given, spec, trace, bounds, seed))
    result = Result(
        format=FORMAT,
        command=called,
        impasto=version("impasto"),
        machine=machine(),
        target=Target(
            kind=spec.kind,
            address=without_credentials(connection.address),
            server=outcome.server,
        ),
        workload=workload.model_dump(mode="json"),
        runs=tuple(outcome.runs),
        objectives=outcome.objectives,
        search=outcome.search,
    )
    return result, outcome.interrupted


def _calls(given: dict[str, Any], seed: int) -> tuple[Workload, Trace | None]:
    if given["replay"] is not None:
        return read_trace(given["target"], given["replay"], given["speed"], seed)
    if given["workload"] is not None:
        return read_workload(given["target"], given["workload"]), None
    return single(given["target"], request_of(given)), None


async def _run(
    given: dict[str, Any], spec: Spec, trace: Trace | None, bounds: list[Bound], seed: int
) -> Outcome:
    display = Progress(Console(stderr=True), given["quiet"])
    tester = Tester(spec, bounds, given["metrics_url"], display)
    _stop_by_signals(tester)
    rate = given["rate"]
    try:
        if given["find_max"]:
            return await tester.hunt(Hunt(rate, given["precision"], given["confirmations"]), seed)
        if given["concurrency"] is not None:
            # A seed for each: a cache would answer the later ones.
            demands = [
                Demand(seed + number, callers)
                for number, callers in enumerate(callers_of(given["concurrency"]))
            ]
        else:
            demands = [Demand(seed, 0, rate or 0.0, given["arrivals"], trace)]
            _record(given["record"], spec, demands[0])
        return await tester.measure(demands)
    except asyncio.CancelledError:
        raise LoadTestError("interrupted twice; nothing is told") from None
    finally:
        display.close()


def _stop_by_signals(tester: Tester) -> None:
    """The first signal ends the measurement, the second everything."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        if tester.stop.is_set():
            task.cancel()
        tester.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        # Not everywhere, and not outside of the main thread.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, end)


def _record(path: Path | None, spec: Spec, demand: Demand) -> None:
    if path is not None:
        write_trace(path, spec.workload, schedule_of(spec, demand))


def _write(result: Result, given: dict[str, Any]) -> None:
    try:
        if given["json_file"] is not None:
            given["json_file"].write_text(result.model_dump_json(indent=1) + "\n", "utf-8")
        if given["html_file"] is not None:
            given["html_file"].write_text(render(result), "utf-8")
    except OSError as error:
        raise LoadTestError(f"cannot write a report: {error}") from error


def _without_secrets(args: list[str]) -> list[str]:
    """The arguments, for a file that others read."""
    shown = []
    for before, argument in zip(["", *args], args, strict=False):
        if before == "--api-key":
            shown.append("...")
        elif argument.startswith("--api-key="):
            shown.append("--api-key=...")
        else:
            shown.append(without_credentials(argument))
    return shown
