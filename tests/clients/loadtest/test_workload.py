"""Workload files and traces: what is wrong in them is told with its place."""

from pathlib import Path

import pytest
from loadtest.errors import WrongUse
from loadtest.trace import read_trace
from loadtest.workload import read_workload

_GOOD = """
entries:
  - name: small
    weight: 3
    request: {size: 64}
  - name: painted
    request:
      style: great_wave
"""


def test_a_mix_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(_GOOD)
    workload = read_workload("impasto", path)
    assert workload.weights == [3, 1]
    assert workload.entries[1].request == {"style": "great_wave", "count": 1, "format": "png"}


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("style: great_wave", "stile: great_wave", "line 8: entries.1.request.stile: Extra inputs"),
        ("size: 64", "size: large", "line 5: entries.0.request.size: Input should be a valid int"),
        ("weight: 3", "weight: 0", "line 4: entries.0.weight: Input should be greater than 0"),
        ("    weight: 3", "    wait: 3", "line 4: entries.0.wait: Extra inputs"),
        ("name: painted", "nome: painted", "entries.1.name: Field required"),
        ("name: painted", "name: small", "expected a name of its own"),
        ("entries:", "requests:", "entries: Field required"),
        ("entries:", "entries: [", "is neither YAML nor JSON"),
        (_GOOD, "", "Input should be a valid dictionary"),
        (_GOOD, "entries: []", "line 1: entries: Tuple should have at least 1 item"),
    ],
)
def test_mistakes_in_a_mix_are_told_with_their_line(
    tmp_path: Path, wrong: str, right: str, message: str
) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(_GOOD.replace(wrong, right))
    with pytest.raises(WrongUse) as refused:
        read_workload("impasto", path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_tensors_have_fields_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "mix.json"
    path.write_text('{"entries": [{"name": "a", "request": {"model": "m", "shapes": {"x": [1]}}}]}')
    assert read_workload("oip", path).entries[0].request["model"] == "m"
    with pytest.raises(WrongUse, match=r"entries\.0\.request\.shapes: Extra inputs"):
        read_workload("impasto", path)


def test_a_trace_is_read_in_its_order_and_at_its_speed(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("offset,name,size,seed\n0.5,b,,7\n0.25,a,64,\n1.0,b,,9\n")
    workload, trace = read_trace("impasto", path, 2.0, 0)
    assert [entry.name for entry in workload.entries] == ["b", "a"]
    assert trace.schedule.due.tolist() == [0.125, 0.25, 0.5]
    assert trace.schedule.entries.tolist() == [1, 0, 0]
    assert trace.schedule.seeds.tolist()[1:] == [7, 9]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a call on each line, got none"),
        ("{}", "line 1: expected an offset"),
        ('{"offset": "soon"}', "line 1: offset: expected seconds"),
        ('{"offset": -1}', "expected seconds from the beginning, got -1"),
        ('{"offset": 0}\n{"offset": 1, "colour": 1}', "line 2: colour: Extra inputs"),
        ("[1]", "is no object"),
        ("offset\n0", "expected one JSON object a line"),
    ],
)
def test_mistakes_in_a_trace_are_told_with_their_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(text)
    with pytest.raises(WrongUse) as refused:
        read_trace("impasto", path, 1.0, 0)
    assert message in str(refused.value)
