"""The dashboard of whoever pays for the GPUs."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, VariableOption

from deploy.monitoring.dashboards.frame import Row, choice, framed
from deploy.monitoring.dashboards.panels import Limits, lines, number
from deploy.monitoring.dashboards.queries import Query, chosen, rate

_GPU = 'gpu_uuid=~"$gpu"'
_PRICE = "2.50"
# Pictures may be counted by a gateway and energy by the Triton behind it: both by the chosen jobs.
_PICTURES = 'sum(rate(impasto_pictures_total{job=~"$job"}[$__rate_interval]))'


def _once(expr: str) -> str:
    """Each GPU once, though a gateway and a Triton on the same machine both show it."""
    return f"max by (gpu_uuid) ({expr})"


_UTILISATION = _once(chosen("nv_gpu_utilization", _GPU))
_GPUS = f"count({_UTILISATION})"
_WATTS = _once(rate("nv_energy_consumption", _GPU))
_ENERGY = f"sum({_WATTS})"


def gpu() -> Dashboard:
    """Use, energy and cost of GPUs."""
    price = dashboard.TextBoxVariable("price").label("Price of a GPU hour").default_value(_PRICE)
    price.current(VariableOption(selected=True, text=_PRICE, value=_PRICE))
    return framed(
        "impasto-gpu",
        "GPU serving",
        "What the GPUs do, draw and cost for each picture. The families are Triton's; the "
        "onnxruntime engine has them, too. Choose the gateways and their Tritons together.",
        [
            Row("At a glance", _glance()),
            Row("GPUs", _gpus()),
            Row("Pictures for it", _pictures()),
            Row("The processor beside", _processor()),
        ],
        [choice("gpu", "GPU", 'label_values(nv_gpu_utilization{job=~"$job"}, gpu_uuid)'), price],
    )


def _glance() -> list[Builder[Panel]]:
    return [
        number("GPUs", "That report something.", "none", Query(_GPUS)),
        number(
            "Utilisation",
            "Share of the time in which something ran, over the chosen GPUs. Low under load: the "
            "gateway or the processor is the bottleneck.",
            "percentunit",
            Query(f"avg({_UTILISATION})"),
        ),
        number(
            "Memory",
            "Of the fullest GPU. Red: the next larger batch may fail; fewer instances, or a "
            "smaller max_batch_size.",
            "percentunit",
            Query(f"max({_memory()})"),
            Limits(0.95, 0.85),
        ),
        number("Power", "Of all chosen GPUs.", "watt", Query(f"sum({_power('usage')})")),
        number(
            "Pictures per joule",
            "More is better. Falling at the same load: smaller batches, or lower clocks.",
            "none",
            Query(f"{_PICTURES} / ({_ENERGY} > 0)"),
        ),
        number("Cost of 1000 pictures", _COST_HELP, "none", Query(_cost())),
    ]


_COST_HELP = (
    "In the currency of the price above, for the time of the chosen GPUs, idle or not. Dear at "
    "night: fewer GPUs would do."
)


def _memory() -> str:
    used = chosen("nv_gpu_memory_used_bytes", _GPU)
    return _once(f"{used} / {chosen('nv_gpu_memory_total_bytes', _GPU)}")


def _power(what: str) -> str:
    return _once(chosen(f"nv_gpu_power_{what}", _GPU))


def _cost() -> str:
    return f"1000 * $price / 3600 * {_GPUS} / ({_PICTURES} > 0)"


def _gpus() -> list[Builder[Panel]]:
    legend = "{{gpu_uuid}}"
    return [
        lines(
            "Utilisation",
            "Uneven: calls are not spread over the GPUs; look at instance_group and at the load "
            "balancer.",
            "percentunit",
            [Query(_UTILISATION, legend)],
        ),
        lines(
            "Memory",
            "Taken, of what there is. Climbing without end: something leaks; restart it and keep "
            "the graph.",
            "percentunit",
            [Query(_memory(), legend)],
            limits=Limits(0.95, 0.85),
        ),
        lines(
            "Power",
            "Drawn and allowed. At the limit the clocks go down: that is all the GPU gives, or it "
            "is too hot.",
            "watt",
            [
                Query(_power("usage"), f"{legend} drawn"),
                Query(_power("limit"), f"{legend} allowed"),
            ],
        ),
        lines(
            "Energy",
            "As the GPU itself counts it. Far below the power drawn: the counter was reset.",
            "watt",
            [Query(_WATTS, legend)],
        ),
    ]


def _pictures() -> list[Builder[Panel]]:
    return [
        lines(
            "Energy of a picture",
            "Joules of all chosen GPUs for one picture, idle time included.",
            "joule",
            [Query(f"{_ENERGY} / ({_PICTURES} > 0)", "joules")],
        ),
        lines("Cost of 1000 pictures", _COST_HELP, "none", [Query(_cost(), "cost")]),
    ]


def _processor() -> list[Builder[Panel]]:
    used = chosen("nv_cpu_memory_used_bytes")
    return [
        lines(
            "Processor",
            "Of the machine. Near 1 beside an idle GPU: encoding and the network are the "
            "bottleneck; more --workers, or JPEG in the place of PNG.",
            "percentunit",
            [Query(chosen("nv_cpu_utilization"), "{{instance}}")],
            limits=Limits(0.95),
        ),
        lines(
            "Memory of the machine",
            "Taken, of what there is.",
            "percentunit",
            [Query(f"{used} / {chosen('nv_cpu_memory_total_bytes')}", "{{instance}}")],
            limits=Limits(0.95),
        ),
    ]
