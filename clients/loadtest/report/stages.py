"""Where the time of a mean call goes: the server's stages beside the client's view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import SubElement

from markupsafe import Markup

from loadtest.codes import OK
from loadtest.report import figures
from loadtest.report.chart import WIDTH, canvas, finished
from loadtest.results import Run, Stage

# The way of a call; what is not known here lies in its middle.
_ORDER = {
    "admission": 0,
    "style_encoder": 1,
    "generator": 2,
    "discriminator": 3,
    "stylizer": 5,
    "encode": 6,
    "store": 7,
}
_MIDDLE = 4
_QUEUE = "queue"
_COLOURS = 8
_HEIGHT, _BAR_HEIGHT = 66, 40
# Narrower pieces have no room for their share.
_LABELLED = 62


@dataclass(frozen=True)
class Part:
    """A part of the mean call's time.

    Attributes:
        name: of the stage, with its model.
        seconds: of a mean call; a stage that only some calls have counts the less.
        style: class of the style sheet.
    """

    name: str
    seconds: float
    style: str


def parts(run: Run) -> tuple[Part, ...]:
    """Parts of a mean call's time, in order; they may exceed it where stages run side by side."""
    server, latency, service = run.server, run.latency.mean, run.service_latency.mean
    # A refused call goes through no stage: by all calls, each would seem the shorter.
    calls = server.calls.get(OK, 0) if server else 0
    if server is None or latency is None or service is None or not calls:
        return ()
    found = []
    if latency > service:
        found.append(Part("waiting to be sent", latency - service, "waiting"))
    found += [
        Part(_name(stage.stage, stage.model), stage.mean * stage.count / calls, f"c{i % _COLOURS}")
        for i, stage in enumerate(in_order(server.stages))
    ]
    known = sum(part.seconds for part in found)
    if latency > known:
        found.append(
            Part("the rest: network, client and what no stage times", latency - known, "rest")
        )
    return tuple(found)


def in_order(stages: Sequence[Stage]) -> list[Stage]:
    """Stages as a call goes through them: a model's queue before its computation."""
    roles = {s.model: _ORDER.get(s.stage, _MIDDLE) for s in stages if s.stage != _QUEUE}

    def place(stage: Stage) -> tuple[int, str, bool]:
        role = roles.get(stage.model, _MIDDLE) if stage.model else _ORDER.get(stage.stage, _MIDDLE)
        return role, stage.model, stage.stage != _QUEUE

    return sorted(stages, key=place)


def draw(split: tuple[Part, ...], mean: float) -> Markup:
    """The stacked bar of parts of a mean call of so many seconds; its legend is their table."""
    whole = sum(part.seconds for part in split)
    told = ", ".join(f"{part.name} {figures.time(part.seconds)}" for part in split)
    root = canvas(WIDTH, _HEIGHT, f"Of {figures.time(mean)} of a mean call: {told}")
    left = 0.0
    for part in split:
        width = part.seconds / whole * WIDTH
        area = {"x": f"{left:.1f}", "y": "0", "width": f"{width:.1f}", "height": str(_BAR_HEIGHT)}
        piece = SubElement(root, "rect", {"class": f"area {part.style}", **area})
        share = figures.share(part.seconds / mean)
        SubElement(piece, "title").text = f"{part.name}: {figures.time(part.seconds)}, {share}"
        if width > _LABELLED:
            place = {"x": f"{left + width / 2:.1f}", "y": str(_BAR_HEIGHT + 18)}
            SubElement(root, "text", {"class": "middle", **place}).text = share
        left += width
    return finished(root)


def note(run: Run, split: tuple[Part, ...]) -> str:
    """How the bar is to be read, and what does not add up."""
    mean = run.latency.mean or 0
    notes = [
        f"Stages by the server's own metrics, within the {figures.time(mean)} that the client saw."
    ]
    if sum(part.seconds for part in split) > mean * 1.0001:
        notes.append("They add up to more: some run side by side, or other callers' calls are in.")
    ended = run.answered + sum(run.failed.values())
    told = sum(run.server.calls.values()) if run.server else 0
    if abs(told - ended) > max(ended, 1) * 0.02:
        notes.append(
            f"The server counted {figures.plural(told, 'call')} and the load test "
            f"{figures.count(ended)}: others called, too, or calls stand across the ends."
        )
    return " ".join(notes)


def _name(stage: str, model: str) -> str:
    return f"{stage} ({model})" if model else stage
