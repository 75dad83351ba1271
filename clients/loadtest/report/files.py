"""Reading a load test's JSON file."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from loadtest.errors import WrongUse
from loadtest.report.spectrum import spectrum
from loadtest.results import FORMAT, Result

_MOST_BYTES = 256 * 2**20
_MOST_FAULTS = 5


def read(path: Path) -> Result:
    """A load test's result from its file.

    Raises:
        WrongUse: if the file cannot be read or is not a load test's; names it and the field.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WrongUse(f"{path}: not a load test's file: it is over {_MOST_BYTES:,} bytes")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"{path}: expected a load test's JSON file, got no JSON: {error}") from error
    if not isinstance(content, dict) or "format" not in content:
        raise WrongUse(f"{path}: format: expected {FORMAT!r}, got no such field")
    if content["format"] != FORMAT:
        raise WrongUse(
            f"{path}: format: expected {FORMAT!r}, got {content['format']!r}; "
            "measure again with this version, or read the file with the version that wrote it"
        )
    try:
        result = Result.model_validate(content)
    except ValidationError as error:
        raise WrongUse(f"{path}: {_faults(error)}") from error
    _check_histograms(path, result)
    try:
        json.dumps(result.workload, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise WrongUse(f"{path}: workload: expected text, got half of a character") from error
    return result


def _check_histograms(path: Path, result: Result) -> None:
    """See that those can be read which a report draws, while it is known whose they are."""
    for number, run in enumerate(result.runs):
        for name, times in (("latency", run.latency), ("service_latency", run.service_latency)):
            try:
                spectrum(times)
            except ValueError as error:
                raise WrongUse(f"{path}: runs.{number}.{name}.histogram: {error}") from error


def _faults(error: ValidationError) -> str:
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False)
    ]
    hidden = len(faults) - _MOST_FAULTS
    shown = "; ".join(faults[:_MOST_FAULTS])
    return f"{shown}; and {hidden} more" if hidden > 0 else shown
