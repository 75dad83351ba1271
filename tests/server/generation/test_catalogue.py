"""What the gateway reads of a repository's chains."""

from running_server import REPOSITORY

from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.generation.catalogue import read_catalogue
from server.generation.encoding import Threads


async def test_chains_share_their_stylizer_and_a_size_is_no_chain() -> None:
    engine, threads = OnnxRuntimeEngine(REPOSITORY), Threads("test")
    await engine.start()
    try:
        catalogue = await read_catalogue(engine, "nebulae", REPOSITORY, threads)
        asked_for = await read_catalogue(engine, "landscapes_64", REPOSITORY, threads)
    finally:
        threads.close()
        await engine.close()
    assert list(catalogue.chains) == ["nebulae", "fashion", "landscapes"]
    assert len({id(chain.stylizer) for chain in catalogue.chains.values()}) == 1
    own = {name: chain.own_size for name, chain in catalogue.chains.items()}
    assert own["fashion"] is None
    assert [own[name].name for name in ("nebulae", "landscapes")] == ["nebulae_64", "landscapes_64"]
    assert asked_for.default.sizes == (64, 128, 256, 512, 1024)
    assert list(asked_for.chains) == ["landscapes_64", "fashion", "landscapes", "nebulae"]
