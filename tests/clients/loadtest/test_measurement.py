"""Which calls belong to a measurement, and to which of its windows."""

from array import array
from itertools import chain

import numpy as np
import pytest
from loadtest.codes import NOT_SENT, NUMBERS, OK
from loadtest.frames import Progress, calls, calls_of
from loadtest.measurement import Measurement


def row(due: float, sent: float, ended: float, code: str = OK, entry: int = 0) -> list[float]:
    return [due, sent, ended, NUMBERS[code], entry, 1 if code == OK else 0]


def tell(measurement: Measurement, now: float, *rows: list[float], worker: int = 0) -> None:
    measurement.add(worker, Progress(now, 0.0, 0), np.array(rows or np.empty((0, 6))))


def measurement_of(due: list[float] | None, end: float = 2.0, workers: int = 1) -> Measurement:
    return Measurement(2, 1.0, end, workers, None if due is None else np.array(due))


def test_a_call_counts_by_when_it_was_due_and_its_answer_by_when_it_came() -> None:
    due = [-0.1, 0.5, 1.5, 2.5]
    measurement = measurement_of(due)
    tell(
        measurement,
        9.0,
        # Of the warm-up, answered in the first window.
        row(due[0], -0.1, 0.2),
        row(due[1], 0.5, 0.6, entry=1),
        # Answered long after the end: the slowest call of all is not left out.
        row(due[2], 1.5, 8.5),
        # One too many.
        row(due[3], 2.5, 2.6),
    )
    measurement.finish()
    assert measurement.all.sent == measurement.all.latency.count == 2
    assert measurement.all.latency.distribution().greatest == 7.0
    assert [window.answered for window in measurement.windows] == [2, 0]
    assert [window.sent for window in measurement.windows] == [1, 1]
    assert [entry.sent for entry in measurement.entries] == [1, 1]


def test_latency_is_from_when_a_call_was_due_and_lateness_is_told() -> None:
    measurement = measurement_of([0.1, 0.2])
    tell(measurement, 3.0, row(0.1, 0.4, 0.5), row(0.2, 0.2, 0.2, NOT_SENT))
    measurement.finish()
    assert measurement.all.latency.distribution().greatest == pytest.approx(0.4)
    assert measurement.service.distribution().greatest == pytest.approx(0.1)
    lateness = measurement.lateness.distribution()
    # What was never sent was not late.
    assert (lateness.count, lateness.greatest) == (1, pytest.approx(0.3))
    assert measurement.all.failed == {NOT_SENT: 1}
    assert measurement.failed_latency[NOT_SENT].count == 1


def test_a_window_is_told_when_every_process_has_told_of_it() -> None:
    measurement = measurement_of(None, workers=2)
    tell(measurement, 1.5, row(0.1, 0.1, 0.3), worker=0)
    assert measurement.windows == []
    tell(measurement, 1.1, row(0.2, 0.2, 0.9), worker=1)
    assert [window.answered for window in measurement.windows] == [2]
    assert measurement.windows[0].mean == pytest.approx(0.45)


def test_it_goes_on_where_it_was_and_ends_where_it_is_told() -> None:
    measurement = measurement_of(None, end=1.0)
    tell(measurement, 1.2, row(0.5, 0.5, 0.6), row(1.0, 1.0, 1.1))
    assert len(measurement.windows) == 1
    assert measurement.all.sent == 1
    measurement.extend(2.0)
    assert measurement.all.sent == 2
    # Interrupted at 1.5: what comes later is not of that time, its last call excepted.
    measurement.end = 1.5
    tell(measurement, 1.9, row(1.4, 1.4, 1.7), row(1.6, 1.6, 1.8))
    measurement.finish()
    assert measurement.all.sent == 3
    assert [window.answered for window in measurement.windows] == [1, 1]
    assert [window.sent for window in measurement.windows] == [1, 2]
    assert [window.seconds for window in measurement.windows] == [1.0, 0.5]


def test_what_a_process_tells_arrives() -> None:
    rows = [row(0.1, 0.2, 0.3), row(0.4, 0.5, 0.6, "UNAVAILABLE", 1)]
    content = calls(Progress(1.0, 2.0, 3), array("d", list(chain(*rows))))
    progress, told = calls_of(content[9:])
    assert progress == (1.0, 2.0, 3)
    assert told.tolist() == rows
