"""A test of outputs without Pulumi's decorator passes whatever it asserts, so the suite refuses it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credit_infra.recording import PROJECT_ROOT

HEAD = "import pulumi\nimport pulumi_aws as aws\nfrom hypothesis import given, strategies as st\n"
WITH_PLUGIN = ("-p", "runtime_decorator", "-p", "no:cacheprovider")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    places = (str(Path(__file__).parent), str(PROJECT_ROOT))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    return pytester


@pytest.mark.parametrize(
    "body",
    [
        "def test_bare():\n    aws.s3.Bucket('bucket').bucket.apply(lambda name: 1 / 0)\n",
        "def test_bare():\n    pulumi.Output.from_input(1).apply(lambda one: 1 / 0)\n",
        "@given(st.just(1))\ndef test_bare(one):\n    aws.s3.Bucket('bucket')\n",
    ],
    ids=["resource", "output", "hypothesis"],
)
def test_bare_tests_are_refused(suite: pytest.Pytester, body: str) -> None:
    suite.makepyfile(HEAD + body)
    result = suite.runpytest_subprocess(*WITH_PLUGIN)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*without @pulumi.runtime.test these would always pass: *test_bare*")


def test_decorated_tests_run_and_their_late_assertions_count(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        HEAD + "from pulumi.runtime.mocks import set_mocks\n"
        "from credit_infra.recording import Cloud\n"
        "set_mocks(Cloud())\n"
        "@pulumi.runtime.test\n"
        "def test_good():\n    return pulumi.Output.from_input(1).apply(lambda one: one)\n"
        "@pulumi.runtime.test\n"
        "def test_bad():\n    pulumi.Output.from_input(1).apply(lambda one: 1 / 0)\n"
        "def test_plain():\n    pass\n"
    )
    suite.runpytest_subprocess(*WITH_PLUGIN).assert_outcomes(passed=2, failed=1)
