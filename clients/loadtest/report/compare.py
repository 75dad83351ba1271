"""Two load tests side by side: what changed, and whether it is more than noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from loadtest.report import conditions, figures, verdict
from loadtest.report.noise import LEAST_WINDOWS, Noise, of_shares, of_windows
from loadtest.results import Result, Run, Stage, Window
from loadtest.told import told_of

FORMAT: Literal["impasto-load-comparison/1"] = "impasto-load-comparison/1"
# What a comparison fails over.
JUDGED = ("throughput", "p50", "p99", "errors")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Change(_Part):
    """One figure before and after.

    Attributes:
        name: such as "throughput", "p99" or "errors".
        unit: of both figures.
        before: None where there is none, or too few calls to tell.
        after: the same.
        ratio: after over before; None where there is none.
        better: which way is better.
        noise: what the windows say of the difference.
        reason: why nothing is known, or of the noise; may be empty.
    """

    name: str
    unit: Literal["per second", "s", "share"]
    before: float | None
    after: float | None
    ratio: float | None
    better: Literal["more", "less"]
    noise: Noise
    reason: str

    def worsening(self) -> float:
        """By what share it is worse; infinite from nothing, 0 of what is not worse or not known."""
        if self.before is None or self.after is None:
            return 0.0
        worse = self.after - self.before if self.better == "less" else self.before - self.after
        if worse <= 0:
            return 0.0
        return worse / self.before if self.before else float("inf")


class Pair(_Part):
    """One run of either file.

    Attributes:
        load: of both, in words.
        alike: whether both were under the same load; others are shown, and not judged.
        warnings: why they are not comparable, or not to be believed.
        changes: of throughput, latency and errors.
        stages: of the server's stages' means.
    """

    load: str
    alike: bool
    warnings: tuple[str, ...]
    changes: tuple[Change, ...]
    stages: tuple[Change, ...]


class Comparison(_Part):
    """Two load tests side by side.

    Attributes:
        format: `FORMAT`.
        before: command of the first.
        after: command of the second.
        warnings: what differs in the conditions.
        greatest: the greatest rate of two searches; None of others.
        pairs: runs under the same load; where there are none, the runs that the files are about.
        unpaired: loads that one of the files alone has.
    """

    format: Literal["impasto-load-comparison/1"] = FORMAT
    before: tuple[str, ...]
    after: tuple[str, ...]
    warnings: tuple[str, ...]
    greatest: Change | None
    pairs: tuple[Pair, ...]
    unpaired: tuple[str, ...]

    def regressions(self, tolerance: float) -> tuple[str, ...]:
        """What became worse by more than the tolerance, in words, and not within the noise.

        Args:
            tolerance: share of what it was before, 0.05 of 5 %.
        """
        return tuple(
            f"{load}: {change.name} {_shown(change)}"
            for load, change in self._judged()
            if change.worsening() > tolerance and change.noise is not Noise.WITHIN
        )

    def unjudged(self) -> tuple[str, ...]:
        """What was known before and is not any more, in words: it may have become worse."""
        if not self._judged():
            return ("no load is in both files",)
        return tuple(
            f"{load}: {change.name} {_shown(change)}: {change.reason}"
            for load, change in self._judged()
            if change.before is not None and change.after is None
        )

    def _judged(self) -> list[tuple[str, Change]]:
        # The rates that two searches have in common are chance.
        if self.greatest:
            return [("search", self.greatest)]
        alike = [pair for pair in self.pairs if pair.alike]
        return [(p.load, c) for p in alike for c in p.changes if c.name in JUDGED]


def compare(before: Result, after: Result) -> Comparison:
    """Compare two load tests, run by run of the same load."""
    pairs, unpaired = paired(before, after)
    return Comparison(
        before=before.command,
        after=after.command,
        warnings=conditions.of_results(before, after),
        greatest=_greatest(before, after),
        pairs=tuple(_pair(one, other) for one, other in pairs),
        unpaired=unpaired,
    )


def figure(change: Change, value: float | None) -> str:
    """A figure of a change, with its unit."""
    if change.unit == "per second":
        return figures.rate(value) if value is None else f"{figures.rate(value)}/s"
    return figures.time(value) if change.unit == "s" else figures.share(value)


def _shown(change: Change) -> str:
    ratio = f" ({figures.change(change.ratio)})" if change.ratio is not None else ""
    return f"{figure(change, change.before)} -> {figure(change, change.after)}{ratio}"


def paired(before: Result, after: Result) -> tuple[list[tuple[Run, Run]], tuple[str, ...]]:
    """The runs under the same load, and the loads that one file alone has."""
    left, found, unpaired = list(after.runs), [], []
    for run in before.runs:
        other = next((r for r in left if conditions.same_load(run, r)), None)
        if other is None:
            unpaired.append(f"{figures.load(run.load)}, before only")
            continue
        left.remove(other)
        found.append((run, other))
    unpaired += [f"{figures.load(run.load)}, after only" for run in left]
    one, other = told_of(before), told_of(after)
    searches = before.search and after.search
    if not found and not searches and one and other:
        return [(one, other)], ()
    return found, tuple(unpaired)


def _pair(before: Run, after: Run) -> Pair:
    loads = dict.fromkeys((figures.load(before.load), figures.load(after.load)))
    return Pair(
        load=" / ".join(loads),
        alike=conditions.same_load(before, after),
        warnings=conditions.of_runs(before, after),
        changes=(_throughput(before, after), *_latencies(before, after), _errors(before, after)),
        stages=_stages(before, after),
    )


def _throughput(before: Run, after: Run) -> Change:
    noise, reason = _windows(before, after, lambda w: w.answered / w.seconds, "with answers")
    return _change(
        "throughput", "per second", before.throughput, after.throughput, "more", noise, reason
    )


def _latencies(before: Run, after: Run) -> list[Change]:
    one, other = before.latency, after.latency
    percents = sorted(one.percentiles.keys() | other.percentiles.keys(), key=float)
    return [
        _latency("mean", one.mean, other.mean, _windows(before, after, _mean)),
        *(_percentile(before, after, percent) for percent in percents),
    ]


def _percentile(before: Run, after: Run, percent: str) -> Change:
    values = [run.latency.percentiles.get(percent) for run in (before, after)]
    judged = _windows(before, after, lambda w: w.percentiles.get(percent), f"that tell {percent} %")
    for when, run in (("before", before), ("after", after)):
        if run.latency.percentiles.get(percent) is None:
            judged = Noise.UNKNOWN, f"{when}: {figures.too_few(run.latency.count, percent)}"
    return _latency(f"p{percent}", values[0], values[1], judged)


def _latency(
    name: str, before: float | None, after: float | None, judged: tuple[Noise, str]
) -> Change:
    return _change(name, "s", before, after, "less", *judged)


def _errors(before: Run, after: Run) -> Change:
    one, other = _failed(before), _failed(after)
    noise = of_shares(one, other)
    return _change("errors", "share", _share(one), _share(other), "less", noise, "")


def _failed(run: Run) -> tuple[int, int]:
    """How many of how many calls failed."""
    failed = sum(run.failed.values())
    return failed, failed + run.answered


def _share(of: tuple[int, int]) -> float | None:
    return of[0] / of[1] if of[1] else None


def _stages(before: Run, after: Run) -> tuple[Change, ...]:
    one, other = _by_stage(before), _by_stage(after)
    return tuple(
        _change(
            f"{stage} ({model})" if model else stage,
            "s",
            _mean(one.get((stage, model))),
            _mean(other.get((stage, model))),
            "less",
            Noise.UNKNOWN,
            "",
        )
        for stage, model in dict.fromkeys([*one, *other])
    )


def _by_stage(run: Run) -> dict[tuple[str, str], Stage]:
    return {(s.stage, s.model): s for s in run.server.stages} if run.server else {}


def _mean(part: Window | Stage | None) -> float | None:
    return part.mean if part else None


def _greatest(before: Result, after: Result) -> Change | None:
    if not before.search or not after.search:
        return None
    reason = "a search shows no noise; see its confirming runs"
    for when, result in (("before", before), ("after", after)):
        if verdict.stopped(result):
            reason = f"{when}: the search was stopped before it found a rate"
    greatest = _found(before), _found(after)
    return _change("greatest rate", "per second", *greatest, "more", Noise.UNKNOWN, reason)


def _found(result: Result) -> float | None:
    if result.search is None or verdict.stopped(result):
        return None
    # That no rate held is worse than any that did.
    return result.search.greatest or 0.0


def _windows(
    before: Run,
    after: Run,
    of: Callable[[Window], float | None],
    having: str = "with answers",
) -> tuple[Noise, str]:
    known = [[v for w in run.windows if (v := of(w)) is not None] for run in (before, after)]
    noise = of_windows(*known)
    if noise is not Noise.UNKNOWN:
        return noise, ""
    counts = " and ".join(str(len(values)) for values in known)
    return noise, f"{counts} windows {having}, needs {LEAST_WINDOWS} each (more --seconds)"


def _change(
    name: str,
    unit: Literal["per second", "s", "share"],
    before: float | None,
    after: float | None,
    better: Literal["more", "less"],
    noise: Noise,
    reason: str,
) -> Change:
    ratio = after / before if before and after is not None else None
    return Change(
        name=name,
        unit=unit,
        before=before,
        after=after,
        ratio=ratio,
        better=better,
        noise=noise,
        reason=reason,
    )
