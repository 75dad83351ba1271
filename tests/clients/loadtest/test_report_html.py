"""The HTML report: whole, closed to the outside, and true to the file."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from load_results import STAGES, TARGET, result, run, search, times
from loadtest.report import figures, stages, tables, verdict
from loadtest.report.html import render
from loadtest.report.scales import for_latency, for_percentiles, from_zero
from loadtest.report.spectrum import spectrum
from loadtest.results import Objective, Result, Run, Search

EVIL = "<script>alert('x')</script>&\"'"
VOID = {"meta", "br", "hr", "img", "link", "input"}
SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """A page's elements and texts; fails on an element that is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def drawings(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg xmlns.*?</svg>", page, re.S)]


def full_run(**changes: object) -> Run:
    return run(
        rate=60, stall=(8, 9.4), failing=0.02, entries=("generate", "stylize", EVIL), **changes
    )


@pytest.fixture(scope="module")
def full() -> Result:
    objectives = (
        Objective(text="p99<100ms", bound=0.1, measured=1.234, met=False),
        Objective(text="errors<1%", bound=0.01, measured=0.0213, met=False),
        Objective(text="throughput>20", bound=20, measured=58.7, met=True),
    )
    slow = full_run(warnings=("the busiest process used 93% of a core",))
    return result(slow, objectives=objectives)


def test_the_page_asks_nobody_and_runs_nothing(full: Result) -> None:
    page = Page(render(full))
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        assert not attributes.keys() & {"src", "href", "xlink:href", "srcset", "action", "style"}
        assert not [name for name in attributes if name.startswith("on")]
    policy = dict(page.elements)["meta"]
    assert policy is not None
    policies = [a["content"] for t, a in page.elements if "http-equiv" in a and t == "meta"]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    ]
    assert "url(" not in render(full)
    assert "@import" not in render(full)


def test_other_peoples_text_stays_text() -> None:
    target = TARGET.model_copy(update={"address": EVIL, "server": EVIL})
    found = result(
        full_run(warnings=(EVIL,)),
        target=target,
        command=("impasto", EVIL),
        workload={EVIL: [EVIL]},
        objectives=(Objective(text=EVIL, bound=1, measured=None, met=False),),
    )
    page = render(found)
    assert "<script" not in page
    assert Page(page).text.count("<script>alert(") > 5


def test_every_figure_of_the_file_is_in_the_page(full: Result) -> None:
    text = Page(render(full)).text
    slow = full.runs[0]
    assert slow.server is not None
    for distribution in (slow.latency, slow.service_latency, *(e.latency for e in slow.entries)):
        for value in (*distribution.percentiles.values(), distribution.mean):
            assert value is None or figures.milliseconds(value) in text
    for stage in slow.server.stages:
        assert stage.stage in text
        assert figures.milliseconds(stage.mean) in text
    for window in slow.windows:
        assert figures.milliseconds(window.mean) in text
    for code, number in slow.failed.items():
        assert f"{code} {figures.count(number)}" in text
    for told in (full.target.address, full.machine.processor, full.machine.system, "seed 1"):
        assert told in text
    assert "impasto load --target localhost:8081 --slo 'p99<100ms'" in text
    for told in ("1,234 ms", "2.13 %", "58.7/s", "the busiest process used 93% of a core"):
        assert told in text


def test_a_percentile_of_too_few_calls_is_explained_and_not_told() -> None:
    page = Page(render(result(run(rate=10, seconds=20))))
    assert "99 % too few calls (n=200, needs 459)" in page.text
    assert "Too few calls (n=200) to tell 99 % (needs 459)." in page.text
    assert "95 of 100 calls within" in page.text


def test_every_drawing_is_well_formed_and_has_a_name(full: Result) -> None:
    found = drawings(render(full))
    assert len(found) == 4
    for drawing in found:
        assert drawing.get("role") == "img"
        assert drawing.get("aria-label")
        for path in drawing.iter(f"{SVG}path"):
            assert re.fullmatch(r"([ML]\d+\.\d \d+\.\d)+", path.get("d", ""))


def test_the_stall_stands_in_the_latency_and_not_in_that_from_sending(full: Result) -> None:
    due, sent = full.runs[0].latency, full.runs[0].service_latency
    assert max(y for _, y in spectrum(due)) > 1
    assert max(y for _, y in spectrum(sent)) < 0.2
    text = Page(render(full)).text
    assert "latency, from when the call was due" in text
    assert "waiting to be sent" in text


def test_a_closed_loop_shows_one_latency() -> None:
    page = render(result(run(concurrency=4)))
    assert "4 callers" in page
    assert "from when it was sent" not in page


def test_no_calls_at_all() -> None:
    text = Page(render(result(run(rate=0)))).text
    assert "No call was made." in text
    assert "too few calls (n=0, needs 459)" in text


@pytest.mark.parametrize(
    ("text", "of", "reason"),
    [
        ("p99<50ms", run(rate=10), "too few calls (n=200, needs 459)"),
        ("p99 < 50ms", run(failing=0.5), "calls failed, and are slower than any bound"),
        ("mean<50ms", run(failing=0.5), "calls failed, and are slower than any bound"),
        ("errors<1%", run(rate=0), "no call was made"),
        (EVIL, run(rate=0), "no call was made"),
    ],
)
def test_the_true_reason_is_told_of_what_cannot_be_judged(text: str, of: Run, reason: str) -> None:
    objective = Objective(text=text, bound=0.05, measured=None, met=False)
    table = tables.objectives(result(of, objectives=(objective,)))
    assert table is not None
    assert reason in table.rows[0][1]


def test_the_verdict_says_of_which_calls_the_latency_is() -> None:
    assert "99 of 100 calls within" in verdict.sentence(result(run()))
    assert "99 of 100 answered calls within" in verdict.sentence(result(run(failing=0.2)))
    assert "half of the answered calls within" in verdict.sentence(result(run(rate=1, failing=0.3)))


def test_no_runs_at_all() -> None:
    empty = result().model_copy(update={"runs": ()})
    assert "Nothing was measured." in Page(render(empty)).text


def test_a_run_of_no_time_at_all() -> None:
    nothing = run(seconds=0, concurrency=4).model_copy(update={"interrupted": True})
    others = (run(concurrency=1), run(concurrency=2, rate=80))
    page = Page(render(result(*others, nothing)))
    assert "With 4 callers: no call was made." in page.text
    assert "Interrupted: the figures are of the 0 s until then." in page.text
    drawing = next(
        d for d in drawings(render(result(*others, nothing))) if "callers" in d.attrib["aria-label"]
    )
    assert len(list(drawing.iter(f"{SVG}circle"))) == 2
    assert "No call was made." in Page(render(result(nothing))).text


def test_no_call_answered() -> None:
    text = Page(render(result(run(failing=1)))).text
    assert "None of 1,000 calls was answered." in text
    assert "1,000 RESOURCE_EXHAUSTED" in text


def test_an_interrupted_run_says_so_first() -> None:
    interrupted = run().model_copy(update={"interrupted": True})
    text = Page(render(result(interrupted))).text
    assert text.index("Interrupted") < text.index("What was measured")


@pytest.fixture(scope="module")
def found() -> Result:
    return search()


def test_a_search_shows_its_rates_and_what_it_found(found: Result) -> None:
    page = render(found)
    text = Page(page).text
    assert "50 calls per second is the greatest rate that held (confirmed 2 times)." in text
    drawing = drawings(page)[0]
    assert len(list(drawing.iter(f"{SVG}circle"))) == 7
    assert "p99<100ms" in [e.text for e in drawing.iter(f"{SVG}text")]
    assert "1 rate had too few calls for 99 %." in text


def test_a_search_that_found_nothing(found: Result) -> None:
    assert found.search is not None
    nothing = found.search.model_copy(update={"greatest": None})
    text = Page(render(found.model_copy(update={"search": nothing, "objectives": ()}))).text
    assert "not held Not even" in text
    assert "Not even the least rate held the objectives." in text


@pytest.mark.parametrize(
    ("stopped", "badge", "sentence"),
    [
        ("", "interrupted", "The search was interrupted before it found a rate: up to 50 "),
        ("interrupted", "interrupted", "The search was interrupted before it found a rate: up to "),
        ("limited", "limited by the load tester", "The load tester itself was in the way, and "),
    ],
)
def test_a_search_that_was_stopped_says_so_and_judges_nothing(
    found: Result, stopped: str, badge: str, sentence: str
) -> None:
    assert found.search is not None
    runs = (*found.runs, run(rate=50, seconds=2).model_copy(update={"interrupted": True}))
    search = found.search.model_copy(update={"greatest": None, "stopped": stopped})
    page = render(found.model_copy(update={"runs": runs, "search": search}))
    text = Page(page).text
    assert f'<strong class="badge">{badge}</strong> {sentence}' in page
    assert 'class="verdict">' in page
    assert "calls per second held, which was not confirmed." in text
    assert "The search was stopped; these are of 50 calls per second (Poisson) alone." in text
    for contrary in ("Not even", "objective held", "; not held", "greatest rate that held"):
        assert contrary not in text


def test_a_search_that_was_interrupted_in_its_first_run() -> None:
    only = run(seconds=2).model_copy(update={"interrupted": True})
    text = Page(render(result(only, search=Search(greatest=None, steps=())))).text
    assert "before it found a rate: no rate had held until then. With 50 calls per second" in text


def test_several_runs_stand_against_their_load() -> None:
    runs = [run(concurrency=n, rate=20 * n, seed=n) for n in (1, 2, 4)]
    page = render(result(*runs))
    assert "Throughput against load" in page
    assert "Latency against load" in page
    assert "1: 1 caller" in page
    assert page.count("<details open>") == 1


def test_the_file_stays_small() -> None:
    assert len(render(result(*[full_run(seconds=60)] * 15)).encode()) < 1_000_000


def test_the_parts_of_a_mean_call_are_of_the_answered_ones() -> None:
    split = stages.parts(run(failing=0.5, median=0.1))
    means = [mean for _, _, mean in STAGES]
    shown = [part.seconds for part in split if part.style.startswith("c")]
    assert shown == pytest.approx(means)
    assert stages.parts(run(failing=1)) == ()


def test_stages_that_overlap_say_so() -> None:
    fast = run(median=0.01)
    assert "They add up to more" in stages.note(fast, stages.parts(fast))
    slow = run(median=0.1)
    split = stages.parts(slow)
    assert slow.latency.mean is not None
    assert sum(part.seconds for part in split) == pytest.approx(slow.latency.mean)


def test_stages_stand_in_the_order_of_a_call() -> None:
    whole = run()
    assert whole.server is not None
    named = [(s.stage, s.model) for s in stages.in_order(whole.server.stages[::-1])]
    assert named == [(stage, model) for stage, model, _ in STAGES]


def test_without_metrics_there_is_no_split() -> None:
    assert "The server told no metrics" in render(result(run(metrics=False)))


def test_a_spoilt_histogram_is_an_error_that_says_so() -> None:
    spoilt = run()
    latency = spoilt.latency.model_copy(update={"histogram": "rubbish"})
    with pytest.raises(ValueError, match="HdrHistogram's compressed text"):
        render(result(spoilt.model_copy(update={"latency": latency})))


def test_a_spectrum_is_the_distribution() -> None:
    points = spectrum(times(np.arange(1, 10_001) / 10_000))
    assert len(points) > 100
    for place, seconds in points:
        assert seconds == pytest.approx(1 - 10**-place, abs=0.001)


def test_axes_have_round_marks_that_hold_all_values() -> None:
    assert [label for _, label in from_zero([0, 61.5]).ticks] == ["0", "20", "40", "60", "80"]
    wide = for_latency([0.018, 1.6])
    assert wide.logarithmic
    assert [label for _, label in wide.ticks][::3] == ["10", "100", "1,000"]
    assert wide.place(1.6) <= 1
    assert [label for _, label in for_percentiles(1000).ticks] == ["50 %", "90 %", "99 %", "99.9 %"]
    assert from_zero([]).place(0) == 0


@pytest.mark.parametrize("values", [[5e-324], [5e-324, 1.0], [1e-9, 1e308], [1e308]])
def test_axes_hold_values_that_no_load_test_has(values: list[float]) -> None:
    for axis in (from_zero(values), for_latency(values)):
        assert len(axis.ticks) < 100
        assert all(0 <= axis.place(value) <= 1 for value in values)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.000123, "0.123 ms"),
        (0.00456, "4.56 ms"),
        (0.0834, "83.4 ms"),
        (1.2345, "1,234 ms"),
        (None, "-"),
    ],
)
def test_times_have_sensible_digits(seconds: float | None, shown: str) -> None:
    assert figures.time(seconds) == shown


def test_a_share_that_is_not_nothing_is_never_nothing() -> None:
    assert figures.share(0) == "0 %"
    assert figures.share(1e-6) == "<0.01 %"


def test_contrast_holds_in_both_themes() -> None:
    style = Path(figures.__file__).parent / "templates" / "style.css"
    themes = re.findall(r":root \{(.*?)\}", style.read_text(), re.S)[:2]
    for theme in themes:
        colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{3,6});", theme))
        page, card, warned = (colours[name] for name in ("page", "card", "warned"))
        for name in ("ink", "soft", "s1", "s2", "s3", "s4", "good", "bad"):
            assert contrast(colours[name], page) >= 4.5, name
        assert contrast(colours["soft"], card) >= 4.5
        assert contrast(colours["warn"], warned) >= 4.5
        for name in [*(f"c{i}" for i in range(8)), "waiting", "rest"]:
            assert contrast(colours[name], page) >= 3, name


def contrast(one: str, other: str) -> float:
    """WCAG's ratio."""
    light = sorted((luminance(one), luminance(other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
