"""The threads of the batches: as few as work at a time, and the warm one first."""

import gc
import threading
import weakref
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from server.engines.onnxruntime.instance_threads import InstanceThreads

SECONDS = 30


@pytest.fixture
def threads() -> Iterator[InstanceThreads]:
    made = InstanceThreads()
    yield made
    made.shutdown()


def settled(threads: InstanceThreads, idle: int) -> None:
    """Wait until so many threads wait for work: a future is done a moment before its thread is."""
    patience = monotonic() + SECONDS
    while len(threads._idle) < idle:
        assert monotonic() < patience
        sleep(0.001)


def test_the_last_to_become_idle_works_next(threads: InstanceThreads) -> None:
    both = threading.Barrier(2)
    first, second = (threads.submit(both.wait, SECONDS) for _ in range(2))
    first.result(SECONDS)
    second.result(SECONDS)
    settled(threads, 2)
    seen = []
    for _ in range(10):
        seen.append(threads.submit(threading.get_ident).result(SECONDS))
        settled(threads, 2)
    assert len(set(seen)) == 1
    assert seen[0] not in (None, threading.get_ident())


def test_there_are_as_many_as_work_at_a_time(threads: InstanceThreads) -> None:
    all_at_once = threading.Barrier(5)
    for future in [threads.submit(all_at_once.wait, SECONDS) for _ in range(5)]:
        future.result(SECONDS)
    settled(threads, 5)
    assert threads.submit(lambda: len(threads._threads)).result(SECONDS) == 5


def test_errors_come_out(threads: InstanceThreads) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(SECONDS)
    assert threads.submit(lambda: 7).result(SECONDS) == 7


def test_an_idle_thread_keeps_nothing_of_what_it_did(threads: InstanceThreads) -> None:
    class Batch:
        pass

    batch = Batch()
    gone = weakref.ref(batch)
    threads.submit(id, batch).result(SECONDS)
    settled(threads, 1)
    del batch
    gc.collect()
    assert gone() is None


def test_what_is_under_way_ends_and_nothing_new_begins() -> None:
    threads = InstanceThreads()
    begun, release = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        release.wait(SECONDS)
        return "done"

    future = threads.submit(work)
    assert begun.wait(SECONDS)
    threads.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="the threads have ended"):
        threads.submit(work)
    release.set()
    assert future.result(SECONDS) == "done"
    threads.shutdown()
    assert not any(thread.is_alive() for thread in threads._threads)
