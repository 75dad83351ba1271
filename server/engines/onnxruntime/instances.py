"""The execution instances of one model: how many batches run at once, each on which session."""

from __future__ import annotations

from dataclasses import dataclass

from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.placement import Placement


@dataclass(frozen=True, slots=True)
class Instance:
    """The right to run one batch now.

    Attributes:
        session: index of the model's session that runs it.
        threads: cores that it uses; 0 on a GPU.
    """

    session: int
    threads: int


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
        self._gpus = [index for index, item in enumerate(model.placements) if item.on_gpu]
        self._most = len(self._gpus) or model.file.instances
        self._threads = model.file.intra_op_threads
        self._cores = cores
        self._running = 0

    @property
    def shared(self) -> tuple[Placement, ...] | None:
        """Where the sessions run; a model with equal ones may run on this one's instances.

        None where the model is pinned to instances of its own.
        """
        if self._threads or (self._most and not self._placements[0].on_gpu):
            return None
        return tuple(self._placements)

    @property
    def on_gpu(self) -> bool:
        """Whether they are GPUs'."""
        return bool(self._placements[0].on_gpu)

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
        if self._gpus:
            self._running += 1
            return Instance(self._gpus.pop(), 0)
        threads = self._threads or self._cores.threads_for_next()
        if self._most is not None and self._threads is not None:
            self._cores.take_anyway(threads)
        elif not self._cores.take(threads) and not self._cores.take(threads := self._threads or 1):
            return None
        self._running += 1
        return Instance(self._session_of(threads), threads)

    def release(self, instance: Instance) -> None:
        """Give an instance back."""
        self._running -= 1
        if self._placements[instance.session].on_gpu:
            self._gpus.append(instance.session)
        self._cores.give_back(instance.threads)

    def _session_of(self, threads: int) -> int:
        found = (i for i, item in enumerate(self._placements) if item.threads == threads)
        return next(found)
