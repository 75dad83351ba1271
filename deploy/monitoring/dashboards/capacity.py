"""The dashboard of whoever decides how many servers there are."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.monitoring.dashboards.frame import Row, framed
from deploy.monitoring.dashboards.panels import THIRD, Floor, Limits, lines, number
from deploy.monitoring.dashboards.queries import Query, chosen, rate, rates

_JOB = '{job=~"$job"}'
_MADE = f"sum(job:impasto_pictures:rate5m{_JOB})"
# What a gateway can, by those that were full, times the gateways that there are now.
_CAPACITY = (
    f"sum(avg by (job) (job_instance:impasto_pictures_while_full:max1d{_JOB}) "
    f"* on (job) count by (job) (up{_JOB} == 1))"
)
_HEADROOM = f"1 - {_MADE} / {_CAPACITY}"
_NOT_OF_WORKERS = "Several workers do not report it."
_DAY_SECONDS = 24 * 3600
_HEADROOM_HELP = (
    "Of the greatest rate of pictures of the last day while calls for them were shed for want of "
    "room, on average over the gateways that were, times the gateways there are. Red: nothing is "
    "left; add servers. Nothing here: they were never full, so nobody knows; `impasto load` can "
    "find out."
)


def capacity() -> Dashboard:
    """What the servers can, what they do, and what they will run out of."""
    return framed(
        "impasto-capacity",
        "capacity",
        "How much more the servers can take, and what they run out of first.",
        [
            Row("At a glance", _glance()),
            Row("Room", _room()),
            Row("Processes", _processes()),
            Row("Machines", _machines()),
        ],
    )


def _glance() -> list[Builder[Panel]]:
    started = chosen("process_start_time_seconds")
    return [
        number(
            "Targets that answer",
            "Gateways and Tritons whose metrics can be read.",
            "none",
            Query(f"sum({chosen('up')})"),
            Floor(1),
        ),
        number("Pictures", "Delivered per second, over five minutes.", "ops", Query(_MADE)),
        number(
            "Capacity",
            "The greatest rate of pictures of the last day while calls for them were shed for want "
            "of room, on average over the gateways that were, times the gateways there are.",
            "ops",
            Query(_CAPACITY),
        ),
        number("Headroom", _HEADROOM_HELP, "percentunit", Query(_HEADROOM), Floor(0.1)),
        number(
            "Versions",
            "More than one: a roll-out is under way, or stuck.",
            "none",
            Query(f"count(count by (version) ({chosen('impasto_build_info')}))"),
            Limits(3, 2),
        ),
        number(
            "Youngest server",
            "Its age. Young again and again: it dies; see ImpastoRestarting in docs/monitoring.md. "
            f"{_NOT_OF_WORKERS}",
            "s",
            Query(f"time() - max({started})"),
        ),
    ]


def _room() -> list[Builder[Panel]]:
    busy = chosen("job_instance_model:impasto_instances_busy:rate5m")
    return [
        lines(
            "Pictures against the capacity",
            _HEADROOM_HELP,
            "ops",
            [
                Query(rates("impasto_pictures_total"), "pictures"),
                Query(_CAPACITY, "capacity"),
            ],
        ),
        lines(
            "Calls that come and calls shed",
            "Shed while the processors idle: a bound is too small, see docs/load.md.",
            "reqps",
            [
                Query(rates("impasto_calls_total"), "come"),
                Query(
                    f"sum(job:impasto_calls_shed_full:ratio_rate5m{_JOB} "
                    f"* on (job) job:impasto_calls:rate5m{_JOB})",
                    "shed for want of room",
                ),
            ],
        ),
        lines(
            "Instances that compute",
            "Of each model, on average. At the count of its instance_group: that model is the "
            "bottleneck. Ensembles count their steps.",
            "none",
            [Query(busy, "{{model}} {{instance}}")],
        ),
        lines(
            "Room in flight and in the backlog",
            "What is left of the bounds; at 0 calls are shed.",
            "short",
            [
                Query(_left("in_flight"), "in flight {{instance}}"),
                Query(_left("backlog"), "backlog {{instance}}"),
            ],
        ),
    ]


def _left(name: str) -> str:
    taken = chosen(f"impasto_{name}_pictures")
    return f"{chosen(f'impasto_{name}_limit_pictures')} - {taken}"


def _processes() -> list[Builder[Panel]]:
    memory = chosen("process_resident_memory_bytes")
    return [
        lines(
            "Cores taken",
            "By each gateway and what it runs in its process. As many as the machine has: it is "
            f"full. {_NOT_OF_WORKERS}",
            "none",
            [Query(rate("process_cpu_seconds_total"), "{{instance}}")],
            THIRD,
        ),
        lines(
            "Memory",
            "Of each gateway now, and in a day if it goes on as in the last hour. Climbing without "
            f"end: something leaks. {_NOT_OF_WORKERS}",
            "bytes",
            [
                Query(memory, "{{instance}}"),
                Query(f"predict_linear({memory}[1h], {_DAY_SECONDS})", "{{instance}} in a day"),
            ],
            THIRD,
        ),
        lines(
            "Open files",
            "Of those allowed; connections count. Near 1: raise the limit (ulimit -n), or close "
            f"idle connections. {_NOT_OF_WORKERS}",
            "percentunit",
            [Query(f"{chosen('process_open_fds')} / {chosen('process_max_fds')}", "{{instance}}")],
            THIRD,
            Limits(0.8),
        ),
    ]


def _machines() -> list[Builder[Panel]]:
    used = chosen("nv_cpu_memory_used_bytes")
    waiting = chosen("impasto_store_waiting_pictures")
    return [
        lines(
            "Processor of the machine",
            "Shared by everything on it.",
            "percentunit",
            [Query(chosen("nv_cpu_utilization"), "{{instance}}")],
            THIRD,
            Limits(0.95),
        ),
        lines(
            "Memory of the machine",
            "Near 1 the system ends processes.",
            "percentunit",
            [Query(f"{used} / {chosen('nv_cpu_memory_total_bytes')}", "{{instance}}")],
            THIRD,
            Limits(0.95),
        ),
        lines(
            "Pictures that wait for the store",
            "Now, and in an hour if it goes on as in the last half. The spool holds 256 MiB; "
            "when it is full, calls that want their pictures kept are refused.",
            "short",
            [
                Query(waiting, "{{instance}}"),
                Query(f"predict_linear({waiting}[30m], 3600)", "{{instance}} in an hour"),
            ],
            THIRD,
        ),
    ]
