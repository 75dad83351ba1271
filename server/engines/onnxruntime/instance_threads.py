"""The threads on which batches run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
_Work = Callable[[], None]


class InstanceThreads(Executor):
    """As many threads as ever were at work; the last to become idle is the next to work.

    The standard library's pool hands work to its threads in turn. After a crowd, which has made it
    start several, a lone caller's batches then go from thread to thread, and so from core to core,
    while the session's own threads stay where they were: its pictures take a quarter longer.

    Work is handed in on one thread only, the event loop's.
    """

    def __init__(self) -> None:
        """Start none yet."""
        self._threads: dict[threading.Thread, SimpleQueue[_Work | None]] = {}
        # Queues of those that wait for work. Appending and popping are atomic.
        self._idle: list[SimpleQueue[_Work | None]] = []
        self._ended = False

    def submit(
        self,
        fn: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Future[Result]:
        """Run `fn` on a thread.

        Raises:
            RuntimeError: the system gives no thread, or they have ended; `fn` will not run.
        """
        if self._ended:
            raise RuntimeError("the threads have ended")
        future: Future[Result] = Future()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        place = self._idle.pop() if self._idle else self._start()
        place.put(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once they have done what they were given."""
        self._ended = True
        for place in self._threads.values():
            place.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _start(self) -> SimpleQueue[_Work | None]:
        place: SimpleQueue[_Work | None] = SimpleQueue()
        name = f"instance_{len(self._threads)}"
        thread = threading.Thread(target=self._serve, args=(place,), name=name, daemon=True)
        thread.start()
        self._threads[thread] = place
        return place

    def _serve(self, place: SimpleQueue[_Work | None]) -> None:
        while (work := place.get()) is not None:
            work()
            # Or the thread would keep the batch until it gets another one.
            del work
            self._idle.append(place)
