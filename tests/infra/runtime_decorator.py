"""A pytest plugin: refuses tests of outputs that would pass because nothing waits for them.

Pulumi makes resources and applies functions later, in tasks. Without `@pulumi.runtime.test` a test ends before its
assertions run, and passes whatever they say.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

RUNS_PROGRAMS = "record_with"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    functions = [item for item in items if isinstance(item, pytest.Function)]
    if bare := [item.nodeid for item in functions if touches_outputs(item.obj) and not waits(item.obj)]:
        raise pytest.UsageError(f"without @pulumi.runtime.test these would always pass: {', '.join(bare)}")


def waits(test: Any) -> bool:
    while test is not None:
        code = getattr(test, "__code__", None)
        if code is not None and code.co_filename == mocks.__file__:
            return True
        test = getattr(test, "__wrapped__", None) or getattr(getattr(test, "hypothesis", None), "inner_test", None)
    return False


def touches_outputs(test: Callable[..., object]) -> bool:
    inner = test
    while hasattr(inner, "hypothesis"):
        inner = inner.hypothesis.inner_test
    inner = inspect.unwrap(inner)
    tree = ast.parse(textwrap.dedent(inspect.getsource(inner)))
    calls = [node.func for node in _own_nodes(tree.body[0]) if isinstance(node, ast.Call)]
    return any(_is_output_call(call, inner.__globals__) for call in calls)


def _own_nodes(test: ast.AST) -> Iterator[ast.AST]:
    """All nodes, except those of programs that a test hands to the recorder, which waits for them itself."""
    recorder = any(isinstance(node, ast.Name) and node.id == RUNS_PROGRAMS for node in ast.walk(test))
    waiting = list(ast.iter_child_nodes(test))
    while waiting:
        node = waiting.pop()
        if recorder and isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _is_output_call(called: ast.expr, names: Mapping[str, Any]) -> bool:
    if isinstance(called, ast.Attribute) and called.attr == "apply":
        return True
    parts: list[str] = []
    while isinstance(called, ast.Attribute):
        parts.append(called.attr)
        called = called.value
    if not isinstance(called, ast.Name):
        return False
    found = names.get(called.id)
    for part in reversed(parts):
        found = getattr(found, part, None)
    return isinstance(found, type) and issubclass(found, pulumi.Resource)
