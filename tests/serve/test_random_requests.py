"""Random requests, made from the server's own description: none may break it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from tests.serve.running import Running

_CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
_SETTINGS = settings(
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


@pytest.mark.parametrize("requests", [250, pytest.param(1000, marks=pytest.mark.long)])
def test_random_requests_are_answered(server: Running, requests: int) -> None:
    schema = schemathesis.openapi.from_url(f"{server.address}/api/openapi.json")
    operations = sorted(
        (found.ok() for found in schema.get_all_operations()),
        key=lambda one: len(list(one.iter_parameters())),
    )  # an address with few parameters has few different requests: the others make up for it
    assert len(operations) >= 10
    sent = 0
    for done, operation in enumerate(operations):
        share = -(-(requests - sent) // (len(operations) - done))

        @settings(_SETTINGS, max_examples=share)
        @given(case=operation.as_strategy())
        def send(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(base_url=server.address, checks=_CHECKS)

        send()
    assert sent >= requests
    assert server.ask("/api/studies")["studies"]
