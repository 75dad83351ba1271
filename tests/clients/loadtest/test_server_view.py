"""What a server's metrics say of the measured time."""

import pytest
from loadtest.server_view import difference, parsed, quantile

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
# TYPE impasto_stage_seconds histogram
impasto_stage_seconds_bucket{stage="queue",model="g",method="Generate",code="OK",le="0.1"} 60
impasto_stage_seconds_bucket{stage="queue",model="g",method="Generate",code="OK",le="0.2"} 70
impasto_stage_seconds_bucket{stage="queue",model="g",method="Generate",code="OK",le="+Inf"} 70
impasto_stage_seconds_count{stage="queue",model="g",method="Generate",code="OK"} 70
impasto_stage_seconds_sum{stage="queue",model="g",method="Generate",code="OK"} 6
impasto_stage_seconds_bucket{stage="queue",model="g",method="Stylize",code="OK",le="0.1"} 20
impasto_stage_seconds_bucket{stage="queue",model="g",method="Stylize",code="OK",le="0.2"} 40
impasto_stage_seconds_bucket{stage="queue",model="g",method="Stylize",code="OK",le="+Inf"} 40
impasto_stage_seconds_count{stage="queue",model="g",method="Stylize",code="OK"} 40
impasto_stage_seconds_sum{stage="queue",model="g",method="Stylize",code="OK"} 5
impasto_stage_seconds_count{stage="idle",model="",method="Stylize",code="OK"} 0
"""


def test_stages_are_what_was_counted_between_over_all_other_labels() -> None:
    server = difference("here", parsed(_BEFORE), parsed(_LABELS))
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
        parsed("# TYPE up gauge\nup 1\n")
