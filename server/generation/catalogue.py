"""What can be asked for: the chains among the models that the engine serves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import Engine
from server.errors import InvalidArgument, ModelLoadError, NotFound, StartupError
from server.generation.chain import LATENT, Chain, ChainParts, chain_fault
from server.generation.generator import Generator
from server.generation.ranking import Ranking
from server.generation.styles import StyleTable
from server.generation.stylizer import STYLE_CODE, Stylizer
from server.threads import Threads

# Parameters of a generator's config.pbtxt: the model that judges its pictures, and the names of its
# classes as a JSON array.
_DISCRIMINATOR_PARAMETER = "impasto.discriminator"
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
        chains[name] = await _chain(engine, config, repository, threads)
    return Catalogue(chains)


async def _chain(engine: Engine, config: ModelConfig, repository: Path, threads: Threads) -> Chain:
    steps = [
        (await engine.config(step.model_name), step) for step in config.ensemble_scheduling.step
    ]
    sizes = {item.name: item.dims[0] for item in config.input}
    place = repository / config.name / "config.pbtxt"
    stylizer = generator_config = None
    for step_config, step in steps:
        if STYLE_TABLE_PARAMETER in step_config.parameters:
            encoder = _parameter(step_config, STYLE_ENCODER_PARAMETER)
            if encoder and not await engine.model_ready(encoder):
                encoder = ""
            table = StyleTable(
                repository / step_config.name / _parameter(step_config, STYLE_TABLE_PARAMETER),
                sizes[STYLE_CODE],
            )
            stylizer = Stylizer(engine, step_config.name, table, encoder, threads)
        if LATENT in step.input_map.values():
            generator_config = step_config
    if stylizer is None:
        raise ModelLoadError(
            place, f"none of its steps has the parameter {STYLE_TABLE_PARAMETER!r}"
        )
    if generator_config is None:
        raise ModelLoadError(place, f"none of its steps takes {LATENT!r}")
    generator = Generator(engine, generator_config)
    ranking = None
    discriminator = _parameter(generator_config, _DISCRIMINATOR_PARAMETER)
    if discriminator and await engine.model_ready(discriminator):
        ranking = Ranking(engine, generator, discriminator)
    return Chain(
        engine,
        config,
        ChainParts(generator, stylizer, ranking, _classes(generator_config), threads),
    )


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
