"""The engine itself: a model repository, loaded whole or not at all."""

from __future__ import annotations

from pathlib import Path

from server.engines.base import NEVER, Deadline, InferenceResult, ServedModel, Tensors
from server.engines.onnxruntime.batcher import Batcher
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.ensemble import Ensemble
from server.engines.onnxruntime.model import OnnxModel, latest_version
from server.engines.onnxruntime.tensors import check_inputs
from server.errors import ModelLoadError, StartupError


class OnnxRuntimeEngine:
    """Serves every model of a repository from this process.

    Args:
        repository: folder in Triton's layout; each sub-folder is a model or an ensemble.
    """

    def __init__(self, repository: Path) -> None:
        """Load all models.

        Raises:
            ModelLoadError: one of them is broken; none is served then.
        """
        if not repository.is_dir():
            raise ModelLoadError(repository, "expected a model repository folder, found none")
        folders = sorted(path for path in repository.iterdir() if path.is_dir())
        files = {folder.name: ConfigFile(folder) for folder in folders}
        models = {name: OnnxModel(file) for name, file in files.items() if not file.is_ensemble}
        # An ensemble of ensembles is allowed by Triton; nobody here has needed one.
        configs = {name: model.config for name, model in models.items()}
        self._ensembles = {
            name: Ensemble(file, configs) for name, file in files.items() if file.is_ensemble
        }
        self._served = {
            name: ServedModel(model.config, model.version) for name, model in models.items()
        } | {
            name: ServedModel(ensemble.config, latest_version(repository / name))
            for name, ensemble in self._ensembles.items()
        }
        self._batchers = {name: Batcher(model) for name, model in models.items()}

    def model(self, name: str) -> ServedModel:
        """The served model of that name.

        Raises:
            StartupError: there is none.
        """
        if name not in self._served:
            raise StartupError(f"model {name!r}: not served; served are {sorted(self._served)}")
        return self._served[name]

    async def infer(
        self, model: str, inputs: Tensors, deadline: Deadline = NEVER
    ) -> InferenceResult:
        """Run one request; see `Engine.infer`."""
        rows = check_inputs(self.model(model).config, inputs)
        if model in self._ensembles:
            return await self._ensembles[model].run(inputs, deadline, self.infer)
        deadline.check(model)
        outputs, timing = await self._batchers[model].submit(inputs, rows, deadline)
        return InferenceResult(outputs, (timing,))

    async def close(self) -> None:
        """Finish what runs and free the threads."""
        for batcher in self._batchers.values():
            await batcher.close()
