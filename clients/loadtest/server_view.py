"""The server's own view of the measured time: what it counted at its end less that at its start."""

from __future__ import annotations

import asyncio
import math
import ssl
import urllib.request
from collections import defaultdict
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

from prometheus_client.parser import text_string_to_metric_families

from loadtest.codes import OK
from loadtest.errors import LoadTestError
from loadtest.percentiles import PERCENTS, name_of, tells
from loadtest.results import Server, Stage
from loadtest.targets.base import Connection, StageCount, Statistics, Target, without_credentials

_PATIENCE_SECONDS = 5.0
_HTTP_PORT = 8080
_STAGES = "impasto_stage_seconds"
_REQUESTS = "impasto_request_seconds"
_METHODS = {"impasto": "Generate", "rest": "Generate", "oip": "ModelInfer"}


class View(Protocol):
    """Where a server tells what it counted."""

    source: str

    async def read(self) -> Statistics | None:
        """What it counted until now; None where it does not tell."""
        ...


class MetricsView:
    """Impasto's metrics.

    Args:
        url: of them.
        ca: PEM file of the certificates to trust; None: the system's.
        method: that is tested.
    """

    def __init__(self, url: str, ca: Path | None, method: str) -> None:
        self.source = without_credentials(url)
        self._url = url
        self._method = method
        self._ca = ca

    async def read(self) -> Statistics:
        """Read them.

        Raises:
            LoadTestError: they cannot be read, or are not Impasto's.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> Statistics:
        try:
            tls = ssl.create_default_context(cafile=self._ca)
            with urllib.request.urlopen(
                self._url, timeout=_PATIENCE_SECONDS, context=tls
            ) as answer:
                return parsed(answer.read().decode(), self._method)
        except (OSError, ValueError, HTTPException) as error:
            raise LoadTestError(f"{self.source}: cannot read metrics: {error}") from error


class ProtocolView:
    """What the target's own protocol tells.

    Args:
        target: connected.
        source: the RPC.
    """

    def __init__(self, target: Target, source: str) -> None:
        self.source = source
        self._target = target

    async def read(self) -> Statistics | None:
        """Ask."""
        return await self._target.statistics()


async def view_of(
    kind: str, connection: Connection, target: Target, url: str | None
) -> View | None:
    """Where the server tells what it counted; None where it does not.

    Args:
        kind: of the target.
        connection: how it is reached.
        target: connected.
        url: of metrics, where the user named one.

    Raises:
        LoadTestError: there are no metrics of Impasto where the user said.
    """
    if url is not None:
        view = MetricsView(url, connection.ca, _METHODS[kind])
        await view.read()
        return view
    if kind == "oip":
        asked = ProtocolView(target, "ModelStatistics")
        return asked if await asked.read() is not None else None
    usual = MetricsView(usual_metrics(connection), connection.ca, _METHODS[kind])
    try:
        await usual.read()
    except LoadTestError:
        return None
    return usual


def usual_metrics(connection: Connection) -> str:
    """Where metrics of Impasto are unless somebody moved them."""
    if connection.is_http:
        return f"{connection.address.rstrip('/')}/metrics"
    host = connection.address.rpartition(":")[0] or connection.address
    return f"http://{host}:{_HTTP_PORT}/metrics"


def parsed(text: str, method: str) -> Statistics:
    """What metrics of Impasto tell of one method; labels that are not known here are summed over.

    Stages are those of calls that ended well, for the time of the others is no part of an answer's.

    Args:
        text: of the metrics.
        method: such as "Generate".

    Raises:
        ValueError: they are not Impasto's.
    """
    calls: defaultdict[str, float] = defaultdict(float)
    stages: dict[tuple[str, str], StageCount] = {}
    is_known = False
    for family in text_string_to_metric_families(text):
        is_known |= family.name == _REQUESTS
        for sample in family.samples:
            labels = sample.labels
            if labels.get("method", method) != method:
                continue
            if sample.name == f"{_REQUESTS}_count":
                calls[labels.get("code", "")] += sample.value
            elif family.name == _STAGES and labels.get("code", OK) == OK:
                key = labels.get("stage", ""), labels.get("model", "")
                stages[key] = _with(stages.get(key), sample.name, labels, sample.value)
    if not is_known:
        raise ValueError(f"expected metrics of Impasto, which have {_REQUESTS}")
    return Statistics(dict(calls), stages)


def _with(stage: StageCount | None, name: str, labels: dict[str, str], value: float) -> StageCount:
    stage = stage or StageCount(0, 0, {})
    if name == f"{_STAGES}_count":
        return replace(stage, count=stage.count + value)
    if name == f"{_STAGES}_sum":
        return replace(stage, seconds=stage.seconds + value)
    if name == f"{_STAGES}_bucket":
        bound = float(labels["le"])
        stage.buckets[bound] = stage.buckets.get(bound, 0) + value
    return stage


def difference(source: str, before: Statistics, after: Statistics) -> Server:
    """What a server counted between two times.

    Raises:
        LoadTestError: it began anew between them.
    """
    if _fell(before, after):
        raise LoadTestError(
            f"{source}: its counters fell in the middle of the test, as those of a server do that "
            "was started anew; its view is left out"
        )
    calls = {code: round(count - before.calls.get(code, 0)) for code, count in after.calls.items()}
    nothing = StageCount(0, 0, {})
    stages = []
    for (stage, model), end in after.stages.items():
        start = before.stages.get((stage, model), nothing)
        count = round(end.count - start.count)
        if count > 0:
            buckets = {
                bound: seen - start.buckets.get(bound, 0) for bound, seen in end.buckets.items()
            }
            stages.append(
                Stage(
                    stage=stage,
                    model=model,
                    count=count,
                    mean=(end.seconds - start.seconds) / count,
                    percentiles=_percentiles(buckets, count),
                )
            )
    return Server(
        source=source,
        calls={code: count for code, count in calls.items() if count > 0},
        stages=tuple(stages),
    )


def _fell(before: Statistics, after: Statistics) -> bool:
    return any(after.calls.get(code, 0) < count for code, count in before.calls.items()) or any(
        key not in after.stages or after.stages[key].count < stage.count
        for key, stage in before.stages.items()
    )


def _percentiles(buckets: dict[float, float], count: int) -> dict[str, float | None]:
    return {
        name_of(percent): quantile(buckets, percent / 100)
        if buckets and tells(percent, count)
        else None
        for percent in PERCENTS
    }


def quantile(buckets: dict[float, float], share: float) -> float | None:
    """Read off cumulative buckets as Prometheus' histogram_quantile does: linear within a bucket.

    None where it lies beyond the last bound.
    """
    bounds = sorted(buckets)
    rank = share * buckets[bounds[-1]]
    lower, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank and buckets[bound] > below:
            if math.isinf(bound):
                return None
            return lower + (bound - lower) * (rank - below) / (buckets[bound] - below)
        lower, below = bound, buckets[bound]
    return None
