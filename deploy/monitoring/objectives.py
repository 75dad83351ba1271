"""The service level objectives, and what counts towards them; rules and dashboards follow these.

After a change: `make dashboards`.
"""

from __future__ import annotations

from typing import NamedTuple

# What Prometheus calls the jobs that read gateways and Tritons.
GATEWAYS = "impasto"
TRITONS = "triton"
JOBS = (GATEWAYS, TRITONS)
# Share of the accepted calls that must succeed.
AVAILABILITY = 0.999
# Share of the pictures' calls that must be answered within the bound.
LATENCY = 0.99
# One of the borders of the gateway's latency buckets, or nothing could be counted under it. Twice
# what a call for a picture should take that finds the longest backlog before it, on two cores.
LATENCY_BOUND_SECONDS = 0.333
# How long a call takes that makes pictures until the caller has them all; of the streaming calls
# (GenerateStream, Interpolate) that depends on the caller.
LATENCY_METHODS = ("Generate", "Picture", "Stylize", "ModelInfer", "ModelStreamInfer")
# The server's fault, as opposed to the caller's, to calls given up and to calls refused politely:
# shed, or for a model that somebody is just unloading.
FAILED_REASONS = (
    "data_loss",
    "deadline",
    "draining",
    "engine_unavailable",
    "inference_failed",
    "internal",
    "loading",
    "model_broken",
    "store_unavailable",
)
# Reasons for which calls are shed: the server is full ...
FULL_REASONS = ("full", "backlog", "queue_full", "memory")
# ... or the caller asks for too much.
GREEDY_REASONS = ("too_large", "rate_limit", "concurrency_limit")
SHED_REASONS = FULL_REASONS + GREEDY_REASONS
# Those that tell how many pictures can be made; the others are of inference requests.
ROOM_REASONS = ("full", "backlog")
# So much of the calls may be shed for want of room before somebody should look.
MOST_SHED = 0.05
# Fewer bad calls than this are no reason to call anybody, whatever their share.
LEAST_BAD_CALLS = 10
# The stages in which a model computes, by its role.
COMPUTE_STAGES = ("generator", "discriminator", "stylizer", "style_encoder", "model")


class Burn(NamedTuple):
    """How fast the error budget of 30 days goes, and for how long.

    Attributes:
        factor: 1 spends the budget in exactly 30 days.
        window: over which it must go so fast.
        recent: a shorter window over which it must still do so, or the alert is over.
    """

    factor: float
    window: str
    recent: str


# Those of the Site Reliability Workbook: 2 % of the budget in an hour, 5 % in six ...
FAST_BURNS = (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m"))
# ... or 10 % in a day, or in three.
SLOW_BURNS = (Burn(3, "1d", "2h"), Burn(1, "3d", "6h"))
# Windows and their seconds, the shortest first.
WINDOWS = {
    "5m": 300,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "6h": 21600,
    "1d": 86400,
    "3d": 259200,
}


def one_of(values: tuple[str, ...]) -> str:
    """A regular expression of PromQL that matches each of them and nothing else."""
    return "|".join(values)
