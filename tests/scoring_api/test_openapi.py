"""The OpenAPI document keeps its word: what fits it is taken, what does not is refused, every answer is as it says."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from .conftest import Serve

load_all_checks()
ACCEPTED = CHECKS.get_one("positive_data_acceptance")
# What fits a schema may still be refused where no schema can say what it must be: a file, and a day not in the future.
JSON = {None, "application/json"}
SAYS_LESS = {"/outcomes"}
EXAMPLES = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def api(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    return serve(journal={"file": tmp_path_factory.mktemp("openapi") / "journal.sqlite"})


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_every_route_does_what_its_document_says(
    api: httpx.Client, subtests: pytest.Subtests, mode: GenerationMode
) -> None:
    document = schemathesis.openapi.from_url(f"{api.base_url}/openapi.json")
    for found in document.get_all_operations():
        operation = found.ok()

        @EXAMPLES
        @given(operation.as_strategy(generation_mode=mode))
        def answered(case: Case) -> None:
            refused_rightly = case.media_type not in JSON or case.path in SAYS_LESS
            case.call_and_validate(excluded_checks=[ACCEPTED] if refused_rightly else None)

        # Where a route takes nothing, nothing wrong can be sent.
        with subtests.test(operation.label), suppress(Unsatisfiable):
            answered()
