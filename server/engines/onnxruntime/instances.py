"""The execution instances of one model: how many batches run at once, each on which session."""

from __future__ import annotations

from dataclasses import dataclass

from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.model import OnnxModel


@dataclass(frozen=True, slots=True)
class Instance:
    """The right to run one batch now.

    Attributes:
        threads: cores that it uses.
    """

    threads: int


class Instances:
    """Hands out instances as the configuration pins them, else as the cores are free.

    - Neither pinned: as many instances as cores, or one on all cores.
    - `instance_group` pins how many run at once; their threads still follow the load.
    - `intra_op_thread_count` pins the threads; as many run as fit on the cores.
    - Both: exactly so, whatever else the cores do.

    Attributes:
        fewest_threads: of an instance.

    Args:
        model: whose instances they are.
        cores: what they share with other models.
    """

    def __init__(self, model: OnnxModel, cores: Cores) -> None:
        """All idle."""
        self.fewest_threads = min(model.threads)
        self._most = model.file.instances
        self._threads = model.file.intra_op_threads
        self._cores = cores
        self._running = 0

    @property
    def automatic(self) -> bool:
        """Whether nothing is pinned."""
        return self._most is None and self._threads is None

    @property
    def idle(self) -> int:
        """How many batches could begin now."""
        if self._most is not None:
            return self._most - self._running
        return self._cores.idle // (self._threads or 1)

    def acquire(self) -> Instance | None:
        """An instance, or None while there is none; `Cores.call_when_free` tells when to retry."""
        if self._most is not None and self._running >= self._most:
            return None
        threads = self._threads or self._cores.threads_for_next()
        if self._most is not None and self._threads is not None:
            self._cores.take_anyway(threads)
        elif not self._cores.take(threads) and not self._cores.take(threads := self._threads or 1):
            return None
        self._running += 1
        return Instance(threads)

    def release(self, instance: Instance) -> None:
        """Give an instance back."""
        self._running -= 1
        self._cores.give_back(instance.threads)
