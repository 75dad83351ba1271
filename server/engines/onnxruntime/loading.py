"""From a model's folder to what serves it: the one place that builds models and ensembles."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.onnxruntime.batcher import Batcher
from server.engines.onnxruntime.cache import Cached, ResponseCache
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.ensemble import Ensemble
from server.engines.onnxruntime.loaded import Entry, Loaded
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.servable import Servable
from server.engines.onnxruntime.versions import choose_versions, model_folders
from server.engines.onnxruntime.warmup import warm_up
from server.errors import ModelLoadError, NotFound

_log = logging.getLogger(__name__)


class Loader:
    """Builds what the repository serves.

    Args:
        folder: the model repository.
        cores: what all models share.
        cache: where models that ask for it keep their answers; None where there is none.
    """

    def __init__(self, folder: Path, cores: Cores, cache: ResponseCache | None) -> None:
        """Build nothing yet."""
        self._folder = folder
        self._cores = cores
        self._cache = cache

    def names(self) -> list[str]:
        """The models that the repository has, loaded or not; blocks.

        Raises:
            ModelLoadError: the repository is not there.
        """
        try:
            return sorted(path.name for path in model_folders(self._folder))
        except OSError as error:
            raise ModelLoadError(
                self._folder, f"expected a model repository folder, found none ({error.strerror})"
            ) from error

    def read(self, name: str, override: ModelConfig | None) -> Entry:
        """A model's configuration and the versions to load; blocks.

        Raises:
            ModelLoadError: its configuration is broken, or there is no version to load.
        """
        file = ConfigFile(self._folder / name, override)
        try:
            return Entry(file, choose_versions(file))
        except OSError as error:
            raise ModelLoadError(self._folder / name, f"cannot be read ({error})") from error

    def load_models(self, entry: Entry) -> list[OnnxModel]:
        """The chosen versions of a model, loaded and warmed up; blocks, for long.

        Raises:
            ModelLoadError: one of them is broken; none is kept then.
        """
        models = [OnnxModel(entry.file, version) for version in entry.chosen]
        for model in models:
            warm_up(model)
        return models

    def serve_model(self, model: OnnxModel) -> Loaded:
        """Put one loaded version to work."""
        return Loaded(self._with_cache(Batcher(model, self._cores)))

    def serve_ensemble(self, entry: Entry, others: Mapping[str, Entry]) -> dict[str, Loaded]:
        """Put the chosen versions of an ensemble to work on the models in service now.

        It stays bound to just these: a request that is under way when one of them is reloaded
        finishes on what it began with.

        Raises:
            ModelLoadError: a step is not served, or does not fit.
        """
        served = {name: other for name, other in others.items() if other.versions}
        configs = {name: other.latest.servable.config for name, other in served.items()}
        steps = {name: served[name] for name in entry.steps if name in served}
        bound = {name: dict(step.versions) for name, step in steps.items()}
        held = [loaded for versions in bound.values() for loaded in versions.values()]

        def find(name: str, version: str) -> Servable:
            versions = bound[name]
            if version and version not in versions:
                raise NotFound(f"model {name!r}: version {version!r} is not served")
            return versions[version or next(reversed(versions))].servable

        ensembles = [Ensemble(entry.file, version, configs, find) for version in entry.chosen]
        cacheable = all(isinstance(step.servable, Cached) for step in held)
        return {item.version: Loaded(self._with_cache(item, cacheable), held) for item in ensembles}

    def _with_cache(self, servable: Servable, cacheable: bool = True) -> Servable:
        if not servable.config.response_cache.enable:
            return servable
        if self._cache is None:
            why = "the server has no cache; --response-cache-byte-size gives it one"
        elif not cacheable:
            why = "not all of its steps have one"
        else:
            return Cached(servable, self._cache)
        _log.warning("%s: served without response_cache: %s", servable.config.name, why)
        return servable
