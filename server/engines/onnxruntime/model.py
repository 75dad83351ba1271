"""One ONNX file and its instances: loaded, checked against its configuration, and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnxruntime as ort
from tritonclient.grpc.model_config_pb2 import ModelInput, ModelOutput

from server.engines.onnxruntime.binding import Tensor, run_bound
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.placement import Placement, placements
from server.engines.onnxruntime.tensors import ONNX_TYPES
from server.errors import ModelLoadError

MODEL_FILE = "model.onnx"
_ERRORS_ONLY = 3


class OnnxModel:
    """A model with a file, ready to run.

    Attributes:
        config: its checked configuration.
        version: the loaded version.
        placements: where each of its sessions runs.
    """

    def __init__(self, file: ConfigFile, version: str) -> None:
        """Load the version folder `version` beside the configuration `file`.

        Raises:
            ModelLoadError: the model file is broken, or the configuration disagrees with it.
        """
        folder = file.path.parent
        self.file = file
        self.config = file.config
        self.version = version
        self.path = folder / self.version / MODEL_FILE
        self.placements = placements(file)
        self._sessions = [self._load(placement) for placement in self.placements]
        self._check_tensors("input", self.config.input, self._sessions[0].get_inputs())
        self._check_tensors("output", self.config.output, self._sessions[0].get_outputs())

    def run(
        self, session: int, outputs: Sequence[str], inputs: Mapping[str, Tensor], stay: bool = False
    ) -> Sequence[Tensor]:
        """Run one batch; blocks, releasing the GIL.

        Args:
            session: index of the placement to run on.
            outputs: names of the wanted outputs.
            inputs: by name.
            stay: whether outputs may stay on a GPU, for the next model there.
        """
        placement = self.placements[session]
        if placement.on_gpu:
            return run_bound(self._sessions[session], placement, outputs, inputs, stay)
        result: Sequence[Tensor] = self._sessions[session].run(outputs, inputs)
        return result

    def _load(self, placement: Placement) -> ort.InferenceSession:
        if not self.path.is_file():
            raise ModelLoadError(self.path, f"missing; version {self.version} needs this file")
        options = ort.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = placement.threads or 1
        # Waiting threads that spin take the cores from threads that work: half the throughput.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return ort.InferenceSession(str(self.path), options, providers=placement.providers)
        # onnxruntime's exceptions share no base class below Exception.
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ModelLoadError(self.path, f"onnxruntime cannot load it: {reason}") from error

    def _check_tensors(
        self,
        role: str,
        declared: Sequence[ModelInput] | Sequence[ModelOutput],
        actual: Sequence[ort.NodeArg],
    ) -> None:
        found = {item.name: item for item in actual}
        for item in declared:
            if item.name not in found:
                raise self.file.fault(
                    item.name, f"{role} {item.name!r} is not in {self.path}; it has {sorted(found)}"
                )
            if item.data_type not in ONNX_TYPES:
                raise self.file.fault(item.name, f"{role} {item.name!r}: data type not supported")
            node = found[item.name]
            if node.type != ONNX_TYPES[item.data_type]:
                raise self.file.fault(
                    item.name,
                    f"{role} {item.name!r}: the file's type is {node.type}, the configuration's "
                    f"is {ONNX_TYPES[item.data_type]}",
                )
            self._check_dims(role, item, node.shape)
        if role == "input" and (missing := found.keys() - {item.name for item in declared}):
            raise self.file.fault("input", f"{self.path} also needs the inputs {sorted(missing)}")

    def _check_dims(
        self, role: str, item: ModelInput | ModelOutput, shape: Sequence[int | str | None]
    ) -> None:
        """The file's shape has a batch axis of any size, then the declared sizes or any."""
        batch = 1 if self.config.max_batch_size else 0
        fits = len(shape) == len(item.dims) + batch
        fits = fits and not any(isinstance(size, int) for size in shape[:batch])
        fits = fits and all(
            have == want or not isinstance(have, int)
            for want, have in zip(item.dims, shape[batch:], strict=True)
        )
        if not fits:
            raise self.file.fault(
                item.name,
                f"{role} {item.name!r}: the file's shape is {list(shape)}, the configuration says "
                f"{'a batch of ' * batch}{list(item.dims)}",
            )
