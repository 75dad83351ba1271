"""A process that makes calls: told what to do on its standard input, it tells what came of it.

Standard output belongs to the frames; what it says in words goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

import numpy as np

from loadtest.errors import LoadTestError
from loadtest.frames import Kind, frame, read_frame
from loadtest.loops import ClosedLoop, OpenLoop
from loadtest.plan import Plan
from loadtest.record import Record
from loadtest.schedule import Schedule
from loadtest.targets import make_target
from loadtest.targets.base import Target

_TELL_SECONDS = 0.25


async def work() -> None:
    """Do what the parent says, and end when it ends."""
    reader, writer = await _pipes()
    plan, schedule = await _told(reader)
    try:
        async with make_target(plan.kind, plan.connection, plan.requests) as target:
            writer.write(frame(Kind.READY))
            kind, content = await read_frame(reader)
            if kind is Kind.START:
                await _make_calls(plan, schedule, target, float(content), reader, writer)
    except LoadTestError as error:
        writer.write(frame(Kind.FAILED, str(error).encode()))
    else:
        writer.write(frame(Kind.DONE))
    await writer.drain()
    writer.close()


async def _make_calls(
    plan: Plan,
    schedule: Schedule,
    target: Target,
    start: float,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    record = Record(start)
    loop: OpenLoop | ClosedLoop
    if plan.callers:
        begin, end = start - plan.warm_up, start + plan.seconds
        loop = ClosedLoop(target, record, schedule, begin, end, plan.callers)
    else:
        loop = OpenLoop(target, record, schedule, start, plan.most_outstanding)
    stop = asyncio.Event()
    listening = asyncio.create_task(_listen(reader, stop))
    telling = asyncio.create_task(_tell(record, writer))
    await loop.run(stop)
    telling.cancel()
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await telling
    writer.write(record.take())


async def _listen(reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
    """Stop when the parent says so; without a parent there is nobody to work for."""
    try:
        while (await read_frame(reader))[0] is not Kind.STOP:
            pass
    except asyncio.IncompleteReadError:
        os._exit(1)
    stop.set()
    await _listen(reader, stop)


async def _tell(record: Record, writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        writer.write(record.take())
        await writer.drain()


async def _told(reader: asyncio.StreamReader) -> tuple[Plan, Schedule]:
    contents = {}
    for _ in range(4):
        kind, content = await read_frame(reader)
        contents[kind] = content
    schedule = Schedule(
        np.frombuffer(contents[Kind.DUE], np.float64),
        np.frombuffer(contents[Kind.ENTRIES], np.int32),
        np.frombuffer(contents[Kind.SEEDS], np.uint64),
    )
    return Plan.model_validate_json(contents[Kind.PLAN]), schedule


async def _pipes() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, sys.stdout.buffer
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def main() -> None:
    """Work on the fastest event loop that is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not everywhere
    except ImportError:
        asyncio.run(work())
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work())


if __name__ == "__main__":
    main()
