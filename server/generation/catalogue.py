"""What can be asked for: the chains among the models that the engine serves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import Engine
from server.errors import InvalidArgument, ModelLoadError, NotFound, StartupError
from server.generation.chain import LATENT, Chain, ChainParts, PictureModel, chain_fault
from server.generation.generator import Generator
from server.generation.ranking import Ranking
from server.generation.styles import StyleTable
from server.generation.stylizer import STYLE_CODE, Stylizer
from server.threads import Threads

# Parameters of a generator's config.pbtxt: the model that judges its pictures, the ensemble that
# paints them at their own size, and the names of its classes as a JSON array.
_DISCRIMINATOR_PARAMETER = "impasto.discriminator"
_OWN_SIZE_PARAMETER = "impasto.own_size"
_CLASSES_PARAMETER = "impasto.classes"
# Parameters of a stylizer's config.pbtxt: its style table, relative to the model's folder, and the
# model that reads styles off pictures.
STYLE_TABLE_PARAMETER = "impasto.style_table"
STYLE_ENCODER_PARAMETER = "impasto.style_encoder"


class Catalogue:
    """The chains by name.

    Attributes:
        chains: all of them, the default first.
        default: the chain for requests that name none.

    Args:
        chains: all of them, the default first.
    """

    def __init__(self, chains: Mapping[str, Chain]) -> None:
        """Keep them."""
        self.chains = chains
        self.default = next(iter(chains.values()))

    async def served(self) -> list[tuple[Chain, str]]:
        """The chains that answer now, with their versions; an admin may have unloaded some."""
        found = []
        for chain in self.chains.values():
            with suppress(NotFound):
                found.append((chain, await chain.version()))
        return found

    def chain(self, model: str) -> Chain:
        """The chain of that name; empty: the default.

        Raises:
            InvalidArgument: there is none.
        """
        if not model:
            return self.default
        if model not in self.chains:
            raise InvalidArgument("model", f"one of {', '.join(self.chains)}", repr(model))
        return self.chains[model]


async def read_catalogue(
    engine: Engine, default: str, repository: Path, threads: Threads
) -> Catalogue:
    """The chains among the ready models; style tables lie in `repository`.

    Raises:
        StartupError: the default is not served or is no chain, or a chain is broken.
    """
    ready = [item.name for item in await engine.index(ready_only=True)]
    reader = _Reader(engine, repository, threads)
    chains = {}
    for name in [default, *sorted(set(ready) - {default})]:
        try:
            config = await engine.config(name)
        except NotFound as error:
            if name == default:
                raise StartupError(f"{error}; choose another --model") from error
            # Unloaded a moment ago, or there on one of several Tritons only.
            continue
        if fault := chain_fault(config):
            if name == default:
                raise StartupError(
                    f"model {name!r}: {fault}. Choose another --model or mend its config.pbtxt"
                )
            continue
        chains[name] = await reader.chain(config)
    # A size of a chain is no chain of its own, unless it is asked for by name.
    others = {
        chain.own_size.name
        for name, chain in chains.items()
        if chain.own_size is not None and chain.own_size.name != name
    }
    return Catalogue({name: chains[name] for name in chains if name not in others - {default}})


class _Reader:
    """Reads chains; those with the same stylizer share one.

    Args:
        engine: what serves them.
        repository: where style tables lie.
        threads: where pictures are decoded and enlarged.
    """

    def __init__(self, engine: Engine, repository: Path, threads: Threads) -> None:
        """Know no stylizer yet."""
        self._engine = engine
        self._repository = repository
        self._threads = threads
        self._stylizers: dict[tuple[str, int], Stylizer] = {}

    async def chain(self, config: ModelConfig) -> Chain:
        """The chain of an ensemble in which `chain_fault` found no fault.

        Raises:
            StartupError: it is broken.
        """
        place = self._repository / config.name / "config.pbtxt"
        code_size = next(item.dims[0] for item in config.input if item.name == STYLE_CODE)
        stylizer = generator = None
        for step in config.ensemble_scheduling.step:
            step_config = await self._engine.config(step.model_name)
            if STYLE_TABLE_PARAMETER in step_config.parameters:
                stylizer = await self._stylizer(step_config, code_size)
            if LATENT in step.input_map.values():
                generator = step_config
        if stylizer is None:
            raise ModelLoadError(
                place, f"none of its steps has the parameter {STYLE_TABLE_PARAMETER!r}"
            )
        if generator is None:
            raise ModelLoadError(place, f"none of its steps takes {LATENT!r}")
        makes = Generator(self._engine, generator)
        parts = ChainParts(
            makes,
            stylizer,
            await self._ranking(generator, makes),
            _classes(generator),
            await self._own_size(config, generator),
            self._threads,
        )
        return Chain(self._engine, config, parts)

    async def _stylizer(self, config: ModelConfig, code_size: int) -> Stylizer:
        key = config.name, code_size
        if key not in self._stylizers:
            encoder = _parameter(config, STYLE_ENCODER_PARAMETER)
            if encoder and not await self._engine.model_ready(encoder):
                encoder = ""
            file = self._repository / config.name / _parameter(config, STYLE_TABLE_PARAMETER)
            table = StyleTable(file, code_size)
            self._stylizers[key] = Stylizer(
                self._engine, config.name, table, encoder, self._threads
            )
        return self._stylizers[key]

    async def _ranking(self, config: ModelConfig, generator: Generator) -> Ranking | None:
        discriminator = _parameter(config, _DISCRIMINATOR_PARAMETER)
        if discriminator and await self._engine.model_ready(discriminator):
            return Ranking(self._engine, generator, discriminator)
        return None

    async def _own_size(self, config: ModelConfig, generator: ModelConfig) -> PictureModel | None:
        """The ensemble of the same models without enlarging between them, if one is served."""
        name = _parameter(generator, _OWN_SIZE_PARAMETER)
        if not name or not await self._engine.model_ready(name):
            return None
        own = await self._engine.config(name)
        if fault := chain_fault(own):
            raise StartupError(
                f"model {name!r}: {fault}; mend its config.pbtxt, or {_OWN_SIZE_PARAMETER} in that "
                f"of {generator.name!r}"
            )
        # A generator that several stylizers follow has chains in which the ensemble is not.
        return PictureModel.of(own) if _models(own) == _models(config) else None


def _models(ensemble: ModelConfig) -> list[str]:
    return [step.model_name for step in ensemble.ensemble_scheduling.step]


def _classes(config: ModelConfig) -> tuple[str, ...]:
    text = _parameter(config, _CLASSES_PARAMETER) or "[]"
    try:
        return tuple(TypeAdapter(list[str]).validate_json(text))
    except ValidationError as error:
        raise StartupError(
            f"model {config.name!r}: {_CLASSES_PARAMETER}: expected a JSON array of names, got "
            f"{text!r}; mend its config.pbtxt"
        ) from error


def _parameter(config: ModelConfig, name: str) -> str:
    # Looking up a missing key of a message map would put it there.
    return config.parameters[name].string_value if name in config.parameters else ""
