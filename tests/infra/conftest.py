"""Every stack recorded once; and no test of outputs without Pulumi's decorator."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from stacks import CLOUD_STACKS, STACKS

from credit_infra.recording import Recording, record

pytest_plugins = ["pytester", "runtime_decorator"]


@pytest.fixture(scope="session")
def recordings() -> Mapping[str, Recording]:
    return {stack: record(stack) for stack in STACKS}


@pytest.fixture(params=CLOUD_STACKS)
def cloud(request: pytest.FixtureRequest, recordings: Mapping[str, Recording]) -> Recording:
    return recordings[request.param]
