"""What a histogram's bucket remembers of the last call in it."""

from __future__ import annotations

from server.telemetry.traces import sampled_trace_id


def exemplar() -> dict[str, str] | None:
    """The current call's trace, where it is traced and sampled; else None.

    The one place where metrics learn of traces: labels as `Histogram.observe` takes them, such as
    {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}.
    """
    trace = sampled_trace_id()
    return None if trace is None else {"trace_id": trace}
