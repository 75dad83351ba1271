"""The model repository: which models and versions are loaded, and what becomes of the others."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import RepositoryIndexResponse

from server.engines.onnxruntime.batcher import Batcher
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.ensemble import Ensemble
from server.engines.onnxruntime.model import OnnxModel, latest_version
from server.engines.onnxruntime.servable import Servable
from server.errors import ModelLoadError, NotFound, NotSupported

ModelIndex: TypeAlias = RepositoryIndexResponse.ModelIndex


class Repository:
    """The models of one folder in Triton's layout.

    Args:
        folder: each sub-folder is a model or an ensemble.
    """

    def __init__(self, folder: Path) -> None:
        """Load nothing yet."""
        self._folder = folder
        self._cores = Cores()
        self._models: dict[str, dict[str, Servable]] = {}

    def load_all(self) -> None:
        """Load every model.

        Raises:
            ModelLoadError: one of them is broken; none is served then.
        """
        if not self._folder.is_dir():
            raise ModelLoadError(self._folder, "expected a model repository folder, found none")
        folders = sorted(path for path in self._folder.iterdir() if path.is_dir())
        files = {folder.name: ConfigFile(folder) for folder in folders}
        models = {
            name: OnnxModel(file, latest_version(file.path.parent))
            for name, file in files.items()
            if not file.is_ensemble
        }
        # An ensemble of ensembles is allowed by Triton; nobody here has needed one.
        configs = {name: model.config for name, model in models.items()}
        ensembles = {
            name: Ensemble(file, latest_version(folder), configs, self.find)
            for (name, file), folder in zip(files.items(), folders, strict=True)
            if file.is_ensemble
        }
        self._models = {
            name: {model.version: Batcher(model, self._cores)} for name, model in models.items()
        }
        self._models |= {name: {item.version: item} for name, item in ensembles.items()}

    def versions(self, name: str) -> dict[str, Servable]:
        """The served versions of a model, oldest first.

        Raises:
            NotFound: none is served.
        """
        if name not in self._models:
            raise NotFound(f"model {name!r}: not served; served are {sorted(self._models)}")
        return self._models[name]

    def find(self, name: str, version: str = "") -> Servable:
        """One version of a model; the latest where `version` is empty.

        Raises:
            NotFound: it is not served.
        """
        versions = self.versions(name)
        if version == "":
            return versions[max(versions, key=int)]
        if version not in versions:
            raise NotFound(
                f"model {name!r}: version {version!r} is not served; served are {list(versions)}"
            )
        return versions[version]

    def all(self) -> list[Servable]:
        """Everything that is served, by name and version."""
        return [self._models[name][v] for name in sorted(self._models) for v in self._models[name]]

    def index(self, ready_only: bool) -> list[ModelIndex]:
        """See `Engine.index`."""
        return [
            ModelIndex(name=item.config.name, version=item.version, state="READY")
            for item in self.all()
        ]

    async def load(self, name: str, config: ModelConfig | None) -> None:
        """See `Engine.load`."""
        raise NotSupported("models are loaded when the server starts")

    async def unload(self, name: str, dependents: bool) -> None:
        """See `Engine.unload`."""
        raise NotSupported("models are loaded when the server starts")

    async def close(self) -> None:
        """Finish what runs and free everything."""
        for item in self.all():
            await item.close()
        self._cores.close()
