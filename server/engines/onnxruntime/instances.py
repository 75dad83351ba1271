"""The execution instances of one model: how many batches run at once, each on which session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.placement import Placement


@dataclass(frozen=True, slots=True)
class Instance:
    """The right to run one batch now.

    Attributes:
        session: index of the model's session that runs it.
        threads: of that session; 0 on a GPU.
        cores: how many of the shared cores it holds.
    """

    session: int
    threads: int
    cores: int = 0


class Instances:
    """Hands out instances as the configuration pins them, else as the cores are free.

    - Neither pinned: as many instances as cores, or one on all cores.
    - `instance_group` pins how many run at once; their threads still follow the load.
    - `intra_op_thread_count` pins the threads; as many run as fit on the cores.
    - Both: exactly so, whatever else the cores do.
    - On GPUs, the instances that `instance_group` counts.

    Attributes:
        leanest: the instance with the fewest threads, for what is too brief to be counted.

    Args:
        model: whose instances they are.
        cores: what they share with other models.
    """

    def __init__(self, model: OnnxModel, cores: Cores) -> None:
        """All idle."""
        self._placements = model.placements
        self.leanest = Instance(0, model.placements[0].threads)
        # Sessions that run one batch at a time.
        self._own = [index for index, item in enumerate(model.placements) if item.exclusive]
        self._most = len(self._own) or model.file.instances
        self._threads = model.file.intra_op_threads
        self._exact = self.on_gpu or None not in (model.file.instances, self._threads)
        self._cores = cores
        self._running = 0

    @property
    def shared(self) -> Sequence[Placement] | None:
        """Where the sessions run; a model with equal ones may run on this one's instances.

        None where the model is pinned to instances of its own.
        """
        if self._threads or (self._most and not self.on_gpu):
            return None
        return self._placements

    @property
    def on_gpu(self) -> bool:
        """Whether they are GPUs'."""
        return self._placements[0].on_gpu

    @property
    def idle(self) -> int:
        """How many batches could begin now."""
        free = self._cores.idle // (self._threads or 1)
        if self._most is None:
            return free
        left = self._most - self._running
        return left if self._exact else min(left, free)

    def acquire(self, wake: Callable[[], None]) -> Instance | None:
        """An instance, or None; `wake` is called when it is worth asking again.

        Where all instances are out, the release of one is the time to ask again.
        """
        if self._most is not None and self._running >= self._most:
            return None
        threads = 0
        if not self._exact:
            threads = self._threads or self._cores.threads_for_next()
            if not self._cores.take(threads, wake):
                # Alone, but all cores are not free: one thread is better than waiting.
                threads = self._threads or 1
                if not self._cores.take(threads, wake):
                    return None
        self._running += 1
        # The narrow session is the first, the one on all cores the last.
        shared = 0 if threads <= 1 else len(self._placements) - 1
        session = self._own.pop() if self._own else shared
        return Instance(session, self._placements[session].threads, threads)

    def is_leanest(self, instance: Instance) -> bool:
        """Whether an instance has as few threads as any, so that one may follow another on it."""
        return instance.threads == self.leanest.threads

    def is_next(self, wake: Callable[[], None]) -> bool:
        """Whether who asked `acquire` with this `wake` in vain will be the next to get a core."""
        return self._exact or self._cores.is_next(wake)

    def handed_on(self, wake: Callable[[], None]) -> None:
        """A batch of who asked with this `wake` has followed another on its instance."""
        self._cores.forget(wake)

    def release(self, instance: Instance) -> None:
        """Give an instance back."""
        self._running -= 1
        if self._placements[instance.session].exclusive:
            self._own.append(instance.session)
        if instance.cores:
            self._cores.give_back(instance.cores)
