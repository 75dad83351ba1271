"""The REST face is what its description says, whatever is sent to it."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from running_server import RunningServer, running_server
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.http.operations import OPERATIONS, Operation


def no_fault_of_the_server(context: CheckContext, response: Response, case: Case) -> bool | None:
    # Some requests give no time at all.
    in_time = response.status_code != 504
    return not_a_server_error(context, response, case) if in_time else None


CHECKS = [
    no_fault_of_the_server,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that makes few pictures at a time: many requests are made."""
    store = str(tmp_path_factory.mktemp("store"))
    flags = ("--max-count", "3", "--max-in-flight", "32", "--store", store)
    with running_server(*flags) as running:
        yield running


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_answers_as_described(
    small: RunningServer, operation: Operation, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{small.http}/openapi.json")
    described = schema[operation.path][operation.method]
    if mode.is_negative and not (operation.body or operation.query or operation.place):
        return

    @settings(
        max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(described.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=60)

    check()
