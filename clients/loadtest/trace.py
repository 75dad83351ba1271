"""A load that was recorded: read, to be played again, and written.

One call per line, as JSON or CSV: `offset`, seconds from the beginning; `name`, of its kind; and
the fields of its request, `seed` among them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from loadtest.demand import Trace
from loadtest.errors import WrongUse
from loadtest.schedule import SEED_SPAN, Schedule, first_picture
from loadtest.workload import Workload, WorkloadEntry, checked_request, sentences

_MOST_CALLS = 1_000_000
_MOST_KINDS = 1000
# Where the last calls would be all, the measured time would end with them.
_LEAST_SECONDS = 1e-3


def read_trace(kind: str, path: Path, speed: float, seed: int) -> tuple[Workload, Trace]:
    """The kinds of requests that a trace holds, and its calls, `speed` times as fast.

    Calls without a seed ask for the pictures that `seed` stands for, each for its own.

    Raises:
        WrongUse: names the file, the line and what was expected.
    """
    entries: dict[str, WorkloadEntry] = {}
    due: list[float] = []
    numbers: list[int] = []
    seeds: list[int] = []
    for line, call in _lines(path):
        where = f"{path}, line {line}"
        offset, name, own_seed, request = _parts(where, kind, call)
        key = json.dumps([name, request], sort_keys=True)
        if key not in entries:
            unique = (
                name if all(name != each.name for each in entries.values()) else f"{name} {line}"
            )
            entries[key] = WorkloadEntry(name=unique, request=request)
        due.append(offset / speed)
        numbers.append(list(entries).index(key) if len(entries) > 1 else 0)
        seeds.append(first_picture(seed) + len(seeds) if own_seed is None else own_seed)
        if len(due) > _MOST_CALLS or len(entries) > _MOST_KINDS:
            raise WrongUse(
                f"{where}: expected at most {_MOST_CALLS:,} calls of {_MOST_KINDS:,} kinds"
            )
    if not due:
        raise WrongUse(f"{path}: expected a call on each line, got none")
    order = np.argsort(due, kind="stable")
    schedule = Schedule(
        np.asarray(due, np.float64)[order],
        np.asarray(numbers, np.int32)[order],
        np.asarray(seeds, np.uint64)[order],
    )
    seconds = max(float(schedule.due[-1]) + _LEAST_SECONDS, _LEAST_SECONDS)
    return Workload(entries=tuple(entries.values())), Trace(schedule, seconds)


def write_trace(path: Path, workload: Workload, schedule: Schedule) -> None:
    """The measured calls of a schedule, for `read_trace`.

    Raises:
        WrongUse: the file cannot be written.
    """
    try:
        with path.open("w") as file:
            for due, number, seed in zip(
                schedule.due.tolist(),
                schedule.entries.tolist(),
                schedule.seeds.tolist(),
                strict=True,
            ):
                if due < 0:
                    continue
                entry = workload.entries[number]
                call = {"offset": round(due, 6), "name": entry.name, "seed": seed} | entry.request
                file.write(json.dumps(call) + "\n")
    except OSError as error:
        raise WrongUse(f"--record: {error}") from error


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(newline="") as file:
            if path.suffix == ".csv":
                yield from enumerate(_present(csv.DictReader(file)), 2)
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    call = json.loads(line)
                    if not isinstance(call, dict):
                        raise ValueError(f"line {number} is no object")
                    yield number, call
    except (OSError, ValueError, csv.Error) as error:
        raise WrongUse(
            f"{path}: expected one JSON object a line, or CSV with a header (.csv): {error}"
        ) from error


def _present(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {name: value for name, value in row.items() if name and value not in ("", None)}


def _parts(
    where: str, kind: str, call: dict[str, Any]
) -> tuple[float, str, int | None, dict[str, Any]]:
    """Offset, name, seed and request of a call."""
    try:
        offset = float(call.pop("offset"))
        name = str(call.pop("name", "all"))
        if kind == "oip":
            # Tensors have none, but every schedule that was recorded has.
            call.pop("seed", None)
        request = checked_request(kind, call)
    except KeyError:
        raise WrongUse(f"{where}: expected an offset, got {', '.join(call) or 'nothing'}") from None
    except ValidationError as error:
        raise WrongUse(sentences(error, where)) from error
    except (TypeError, ValueError) as error:
        raise WrongUse(f"{where}: offset: expected seconds: {error}") from error
    if not 0 <= offset < float("inf"):
        raise WrongUse(f"{where}: offset: expected seconds from the beginning, got {offset:g}")
    seed = request.pop("seed", None)
    return offset, name, None if seed is None else int(seed) % SEED_SPAN, request
