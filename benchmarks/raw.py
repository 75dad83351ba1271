"""The limit: generator and stylizer on bare onnxruntime, no server. Prints one JSON object."""

from __future__ import annotations

import json
import threading
import time

import click
import numpy as np
import onnxruntime as ort

from benchmarks.processes import REPOSITORY

_WARM_UP = 3
STYLE = "great_wave"
# The generator's output that is painted, by the picture's side.
OUTPUTS = {64: "image", 256: "canvas"}


def style_code() -> np.ndarray:
    """The style's code, float32 [K]."""
    table = json.loads((REPOSITORY / "stylizer/styles.json").read_text())
    code = next(item["code"] for item in table["styles"] if item["name"] == STYLE)
    return np.array(code, np.float32)


class Chain:
    """Both models on so many threads; safe in several threads at once."""

    def __init__(self, threads: int) -> None:
        """Load the models."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._generator, self._stylizer = (
            ort.InferenceSession(
                str(REPOSITORY / name / "1/model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            for name in ("landscapes_generator", "stylizer")
        )
        self._code = style_code()

    def run(self, batch: int, output: str = "canvas") -> np.ndarray:
        """Pictures uint8 [batch, height, width, 3] out of one of the generator's outputs."""
        latent = np.ones((batch, 64), np.float32)
        (canvas,) = self._generator.run([output], {"latent": latent})
        code = np.repeat(self._code[None], batch, axis=0)
        (pixels,) = self._stylizer.run(["pixels"], {"image": canvas, "style_code": code})
        return pixels


@click.command(help=__doc__)
@click.option("--threads", default=1, help="Threads of one batch.")
@click.option("--workers", default=1, help="Batches at a time.")
@click.option("--batch", default=1, help="Pictures of one batch.")
@click.option(
    "--size",
    type=click.Choice([str(side) for side in OUTPUTS]),
    default="256",
    help="Of a picture.",
)
@click.option("--seconds", default=5.0, help="How long.")
def main(threads: int, workers: int, batch: int, size: str, seconds: float) -> None:
    """Measure."""
    chain, output = Chain(threads), OUTPUTS[int(size)]
    for _ in range(_WARM_UP):
        chain.run(batch, output)
    latencies: list[float] = []
    started = time.perf_counter()

    def work() -> None:
        while (begin := time.perf_counter()) < started + seconds:
            chain.run(batch, output)
            latencies.append(time.perf_counter() - begin)

    crew = [threading.Thread(target=work) for _ in range(workers)]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
    rate = len(latencies) * batch / (time.perf_counter() - started)
    click.echo(json.dumps({"rate": rate, "latencies": latencies}))


if __name__ == "__main__":
    main()
