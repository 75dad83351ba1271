"""What one call costs over its models: a lone caller, small and usual pictures, bare and as PNG.

The bare chain is both models on onnxruntime with all cores, in this process; the calls go from this
process through the client to the gateway in another one. Both take turns, call by call.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import click
import numpy as np
from impasto import Client, PictureFormat

from benchmarks.committed import session
from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY, gateway
from benchmarks.tables import table, write_report

STYLE = "great_wave"
# The generator's output that is painted, by the picture's side.
SIZES = {64: "image", 256: "canvas"}


def bare(size: int) -> Callable[[], object]:
    """Both models, one picture."""
    generator, stylizer = session("landscapes_generator"), session("stylizer")
    styles = json.loads((REPOSITORY / "stylizer/styles.json").read_text())["styles"]
    code = np.array([next(item["code"] for item in styles if item["name"] == STYLE)], np.float32)
    latent = np.random.default_rng(0).standard_normal((1, 64), np.float32)

    def run() -> object:
        (image,) = generator.run([SIZES[size]], {"latent": latent})
        return stylizer.run(None, {"image": image, "style_code": code})

    return run


def call(client: Client, size: int, picture_format: PictureFormat) -> Callable[[], object]:
    """The same through the gateway."""
    return lambda: client.generate(seed=7, style=STYLE, size=size, picture_format=picture_format)


def medians(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """Median milliseconds of each, in turns."""
    times: list[list[float]] = [[] for _ in works]
    for index in range(rounds + 3):
        for work, taken in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            # The first rounds warm up.
            if index >= 3:
                taken.append(1e3 * (time.perf_counter() - started))
    return [statistics.median(taken) for taken in times]


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", default=200, help="Calls of each kind, in turns.")
@click.option("--repetitions", default=3, help="Of all rounds.")
def main(rounds: int, repetitions: int) -> None:
    """Measure and write the table."""
    rows = []
    with gateway(REPOSITORY) as target, Client(target) as client:
        for size in SIZES:
            kinds = [PictureFormat.RAW_RGB8, PictureFormat.PNG]
            works = [bare(size), *(call(client, size, kind) for kind in kinds)]
            taken = [medians(works, rounds) for _ in range(repetitions)]
            for index, name in enumerate(["bare chain", "gateway, raw RGB8", "gateway, PNG"]):
                over = [each[index] - each[0] for each in taken]
                spread = f"{min(over):.2f} to {max(over):.2f}" if index else ""
                rows.append(
                    [
                        f"{size}x{size}",
                        name,
                        f"{statistics.median(each[index] for each in taken):.2f}",
                        f"{statistics.median(over):+.2f}" if index else "",
                        spread,
                    ]
                )
    head = ["picture", "", "p50 ms", "over bare, ms", "range"]
    note = (
        f"Medians of {repetitions} repetitions of {rounds} calls of each kind, in turns; the range "
        f"is that of the repetitions. One caller, one painted picture a call, same machine, no TLS."
    )
    command = f"python -m benchmarks.overhead --rounds {rounds} --repetitions {repetitions}"
    write_report("overhead", command, describe(), table(head, rows), note)


if __name__ == "__main__":
    main()
