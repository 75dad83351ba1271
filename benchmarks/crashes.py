"""A server that stores pictures is killed again and again: is every answered picture there?

Callers store pictures without a pause; after a random time the server gets SIGKILL. The next one
takes the folder over and must have every picture that was ever answered, byte by byte. At the end
the catalogue and the files must be the same set, with nothing else lying about.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import click
import grpc
from impasto import AsyncClient, ImpastoError, PictureFormat

from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY, running_gateway
from benchmarks.tables import table, write_report

_MODEL = "fashion"
_FIRST_SECONDS, _LAST_SECONDS = 0.02, 1.5


@dataclass
class Outcome:
    """What became of the pictures.

    Attributes:
        answered: their bytes by id, as the callers got them.
        left: pictures that the next server found in the spool, over all kills.
        lost: ids that were answered, and are not there.
        damaged: ids whose bytes are others.
        records: ids in the catalogue, at the end.
        files: ids of the files, at the end.
        strays: names of files that should not be there, at the end.
    """

    answered: dict[str, bytes] = field(default_factory=dict)
    left: int = 0
    lost: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    strays: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, and the catalogue agrees with the files."""
        known = bool(self.answered) and self.answered.keys() <= self.records
        wrong = self.lost or self.damaged or self.strays
        return known and self.records == self.files and not wrong


async def crash(models: Path, folder: Path, kills: int, callers: int, seed: int) -> Outcome:
    """Kill so many servers over the store in `folder`."""
    outcome, chance = Outcome(), random.Random(seed)
    for _ in range(kills):
        with running_gateway(models, f"--model={_MODEL}", f"--store={folder}") as running:
            await _verify(running.target, outcome)
            work = [
                asyncio.create_task(_store(running.target, outcome, chance.getrandbits(63)))
                for _ in range(callers)
            ]
            await asyncio.sleep(chance.uniform(_FIRST_SECONDS, _LAST_SECONDS))
            running.process.kill()
            await asyncio.gather(*work)
        outcome.left += len(list((folder / "spool").glob("[0-9a-f]*")))
    with running_gateway(models, f"--model={_MODEL}", f"--store={folder}") as running:
        await _verify(running.target, outcome)
    _take_stock(folder, outcome)
    return outcome


async def _store(target: str, outcome: Outcome, seed: int) -> None:
    """Store pictures until the server is gone."""
    chance = random.Random(seed)
    async with AsyncClient(target) as client:
        while True:
            try:
                made = await client.generate(
                    seed=chance.getrandbits(64),
                    count=chance.randint(1, 4),
                    size=chance.choice((32, 64, 128)),
                    picture_format=chance.choice(list(PictureFormat)),
                    store=True,
                )
            except ImpastoError as error:
                if error.code is not grpc.StatusCode.UNAVAILABLE:
                    raise
                return
            outcome.answered |= {picture.id: picture.data for picture in made}


async def _verify(target: str, outcome: Outcome) -> None:
    async with AsyncClient(target) as client:
        for picture_id, data in outcome.answered.items():
            try:
                stored = await client.picture(picture_id)
            except ImpastoError:
                outcome.lost.add(picture_id)
                continue
            if stored.data != data:
                outcome.damaged.add(picture_id)


def _take_stock(folder: Path, outcome: Outcome) -> None:
    with closing(sqlite3.connect(folder / "catalogue.sqlite3")) as connection:
        outcome.records = {row[0] for row in connection.execute("select id from pictures")}
    files = [path for path in (folder / "pictures").rglob("*") if path.is_file()]
    outcome.files = {path.stem for path in files if "#" not in path.name}
    strays = [path for path in files if "#" in path.name]
    strays += [path for path in (folder / "spool").iterdir() if path.name != ".lock"]
    outcome.strays = [path.name for path in strays]


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--kills", default=50, help="How often the server is killed.")
@click.option("--callers", default=4, help="Who store pictures at the same time.")
@click.option("--seed", default=1, help="Of the moments.")
def main(kills: int, callers: int, seed: int) -> None:
    """Kill, look, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(crash(REPOSITORY, Path(folder), kills, callers, seed))
    rows = [
        ["servers killed", str(kills)],
        ["pictures answered as stored", str(len(outcome.answered))],
        ["of them in the spool when a server died, moved by the next", str(outcome.left)],
        ["lost", str(len(outcome.lost))],
        ["damaged", str(len(outcome.damaged))],
        ["in the catalogue at the end", str(len(outcome.records))],
        ["files at the end", str(len(outcome.files))],
        ["in the catalogue without a file", str(len(outcome.records - outcome.files))],
        ["files without a record", str(len(outcome.files - outcome.records))],
        ["stray files", str(len(outcome.strays))],
    ]
    command = f"python -m benchmarks.crashes --kills {kills} --callers {callers} --seed {seed}"
    note = (
        "Pictures in the catalogue that nobody got an answer for are those whose caller was cut "
        "off: stored, and not yet told."
    )
    write_report("crashes", command, describe(), table(["", ""], rows), note)
    if not outcome.is_clean:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
