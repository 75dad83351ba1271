"""Which of a test's runs is told of, and judged."""

from __future__ import annotations

from loadtest.results import Result, Run, Search


def told_of(result: Result) -> Run | None:
    """The run that a result's objectives are about; None where there is no run."""
    number = number_told_of(len(result.runs), result.search)
    return None if number is None else result.runs[number]


def number_told_of(runs: int, search: Search | None) -> int | None:
    """The number of that run; None where there is none.

    Of a search it is the last that held the greatest rate, or the last that was tried; else it is
    the last of all.

    Args:
        runs: how many there are.
        search: that they belong to, if any.
    """
    steps = search.steps if search is not None else ()
    greatest = search.greatest if search is not None else None
    held = [step.run for step in steps if step.met and step.rate == greatest]
    numbers = held or [step.run for step in steps] or [runs - 1]
    return numbers[-1] if 0 <= numbers[-1] < runs else None
