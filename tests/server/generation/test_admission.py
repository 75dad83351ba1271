"""Whom admission lets in, by a clock that is turned by hand."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from server.errors import Overloaded, TooLarge
from server.generation import admission as module
from server.generation.admission import Admission
from server.telemetry.metrics import Metrics

LIMIT, BACKLOG = 64, 4
LATER = 1.0


@dataclass
class Clock:
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def admission(clock: Clock) -> Admission:
    return Admission(LIMIT, BACKLOG, Metrics())


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def make(admission: Admission, clock: Clock, pictures: int, seconds: float) -> None:
    with admission.admit(pictures):
        clock.now += seconds


def fail(admission: Admission, pictures: int) -> None:
    with admission.admit(pictures):
        raise ValueError("not made, so it says nothing of how long pictures take")


def test_an_idle_server_takes_what_memory_allows(admission: Admission, clock: Clock) -> None:
    make(admission, clock, LIMIT, 5)
    make(admission, clock, LIMIT, 5)
    with pytest.raises(TooLarge, match="as 65 pictures, the server takes 64"):
        make(admission, clock, LIMIT + 1, 5)


def test_a_burst_is_taken_and_a_standing_queue_is_not(
    admission: Admission, clock: Clock, stack: ExitStack
) -> None:
    for _ in range(BACKLOG + 10):
        stack.enter_context(admission.admit(1))
    clock.now += LATER
    with pytest.raises(Overloaded, match="14 pictures are being made or wait for it"):
        stack.enter_context(admission.admit(1))
    stack.close()
    make(admission, clock, 1, 1)


@pytest.mark.parametrize(("gap", "refused"), [(0.01, False), (0.08, True)])
def test_thrice_the_capacity_is_no_burst(
    admission: Admission, clock: Clock, stack: ExitStack, gap: float, refused: bool
) -> None:
    for _ in range(30):
        make(admission, clock, 1, 0.25)
    for _ in range(BACKLOG):
        stack.enter_context(admission.admit(1))
        clock.now += gap
    if refused:
        with pytest.raises(Overloaded):
            admission.check()
    else:
        admission.check()


def test_a_large_request_waits_no_longer_than_a_small_one(
    admission: Admission, clock: Clock, stack: ExitStack
) -> None:
    for _ in range(BACKLOG - 1):
        stack.enter_context(admission.admit(1))
    clock.now += LATER
    stack.enter_context(admission.admit(50))
    with pytest.raises(Overloaded):
        admission.check()


def test_memory_is_bounded_in_a_burst(admission: Admission, stack: ExitStack) -> None:
    stack.enter_context(admission.admit(LIMIT - 1))
    with pytest.raises(Overloaded, match="63 of 64 pictures in flight, 2 more asked for"):
        stack.enter_context(admission.admit(2))


def test_who_was_let_in_is_not_sent_away(
    admission: Admission, clock: Clock, stack: ExitStack
) -> None:
    places = stack.enter_context(admission.admit(1))
    stack.enter_context(admission.admit(BACKLOG))
    clock.now += LATER
    places.add(10)
    with pytest.raises(Overloaded):
        admission.check()


def test_what_waits_to_be_taken_is_no_backlog(
    admission: Admission, clock: Clock, stack: ExitStack
) -> None:
    stream = stack.enter_context(admission.admit(8))
    clock.now += LATER
    with pytest.raises(Overloaded):
        admission.check()
    stream.pause()
    admission.check()
    other = stack.enter_context(admission.admit(BACKLOG))
    clock.now += LATER
    with stream.working(1), pytest.raises(Overloaded, match="5 pictures"):
        admission.check()
    other.pause()
    admission.check()


def test_the_hint_is_when_there_will_be_room(
    admission: Admission, clock: Clock, stack: ExitStack
) -> None:
    for _ in range(30):
        make(admission, clock, 2, 0.5)
    with pytest.raises(ValueError, match="not made"):
        fail(admission, 40)
    stack.enter_context(admission.admit(BACKLOG + 9))
    clock.now += LATER
    with pytest.raises(Overloaded) as caught:
        admission.check()
    assert caught.value.retry_after == pytest.approx(10 * 0.25)


def test_the_hint_keeps_the_refused_from_hurrying(
    admission: Admission, clock: Clock, stack: ExitStack
) -> None:
    make(admission, clock, 50, 0.05)
    stack.enter_context(admission.admit(BACKLOG))
    clock.now += LATER
    with pytest.raises(Overloaded, match=r"retry after 0\.1 s"):
        admission.check()


def test_a_call_that_is_refused_more_places_was_let_in_once(clock: Clock) -> None:
    metrics = Metrics()
    metrics.calls.arrived("Stylize")
    admission = Admission(LIMIT, BACKLOG, metrics)
    with admission.admit(1) as places, pytest.raises(TooLarge):
        places.add(LIMIT)
    assert metrics.registry is not None
    shown = metrics.registry.get_sample_value
    labels = {"stage": "admission", "model": "", "method": "Stylize"}
    assert shown("impasto_stage_seconds_count", labels | {"code": "OK"}) == 1
    refused = labels | {"code": "RESOURCE_EXHAUSTED"}
    assert shown("impasto_stage_seconds_count", refused) is None
