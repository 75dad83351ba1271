"""What a server's metrics say of the measured time."""

import asyncio

import pytest
from loadtest.errors import LoadTestError
from loadtest.server_view import MetricsView, difference, parsed, quantile

_BEFORE = """
# TYPE impasto_request_seconds histogram
impasto_request_seconds_bucket{method="Generate",code="OK",le="+Inf"} 10
impasto_request_seconds_count{method="Generate",code="OK"} 10
impasto_request_seconds_sum{method="Generate",code="OK"} 1
# TYPE impasto_stage_seconds histogram
impasto_stage_seconds_bucket{stage="queue",model="g",le="0.1"} 10
impasto_stage_seconds_bucket{stage="queue",model="g",le="0.2"} 10
impasto_stage_seconds_bucket{stage="queue",model="g",le="+Inf"} 10
impasto_stage_seconds_count{stage="queue",model="g"} 10
impasto_stage_seconds_sum{stage="queue",model="g"} 1
"""
# A server of today has labels more.
_LABELS = """
# TYPE impasto_request_seconds histogram
impasto_request_seconds_count{method="Generate",model="a",code="OK"} 80
impasto_request_seconds_count{method="Generate",model="b",code="OK"} 30
impasto_request_seconds_count{method="Generate",model="b",code="CANCELLED"} 4
impasto_request_seconds_count{method="Stylize",model="b",code="OK"} 9
# TYPE impasto_stage_seconds histogram
impasto_stage_seconds_bucket{stage="queue",model="g",method="Generate",code="OK",le="0.1"} 80
impasto_stage_seconds_bucket{stage="queue",model="g",method="Generate",code="OK",le="0.2"} 110
impasto_stage_seconds_bucket{stage="queue",model="g",method="Generate",code="OK",le="+Inf"} 110
impasto_stage_seconds_count{stage="queue",model="g",method="Generate",code="OK"} 110
impasto_stage_seconds_sum{stage="queue",model="g",method="Generate",code="OK"} 11
impasto_stage_seconds_count{stage="queue",model="g",method="Stylize",code="OK"} 40
impasto_stage_seconds_sum{stage="queue",model="g",method="Stylize",code="OK"} 50
impasto_stage_seconds_count{stage="queue",model="g",method="Generate",code="CANCELLED"} 4
impasto_stage_seconds_sum{stage="queue",model="g",method="Generate",code="CANCELLED"} 40
impasto_stage_seconds_count{stage="idle",model="",method="Generate",code="OK"} 0
"""


def test_stages_are_of_the_methods_good_calls_between_over_all_other_labels() -> None:
    server = difference("here", parsed(_BEFORE, "Generate"), parsed(_LABELS, "Generate"))
    assert server.calls == {"OK": 100, "CANCELLED": 4}
    (queue,) = server.stages
    assert (queue.stage, queue.model, queue.count) == ("queue", "g", 100)
    assert queue.mean == pytest.approx(0.1)
    # 70 of the 100 were at most 0.1 s.
    assert queue.percentiles["50"] == pytest.approx(0.1 * 50 / 70)
    assert queue.percentiles["90"] == pytest.approx(0.1 + 0.1 * 20 / 30)
    assert queue.percentiles["99"] is None


def test_what_lies_beyond_the_last_bound_is_not_known() -> None:
    assert quantile({0.1: 5, float("inf"): 10}, 0.9) is None
    assert quantile({0.1: 5, float("inf"): 10}, 0.5) == pytest.approx(0.1)


def test_other_metrics_are_not_taken_for_impastos() -> None:
    with pytest.raises(ValueError, match="expected metrics of Impasto"):
        parsed("# TYPE up gauge\nup 1\n", "Generate")


def test_a_server_that_was_started_anew_has_no_view() -> None:
    before, after = parsed(_BEFORE, "Generate"), parsed(_LABELS, "Generate")
    with pytest.raises(LoadTestError, match="started anew"):
        difference("here", after, before)


async def test_what_does_not_speak_http_has_no_metrics() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"no HTTP\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        view = MetricsView(f"http://127.0.0.1:{port}/metrics", None, "Generate")
        with pytest.raises(LoadTestError, match="cannot read metrics"):
            await view.read()
