import ast
import sys
from pathlib import Path

import pytest

ML = Path(__file__).parents[2] / "ml"
CONTRACT = ML / "contract/src/credit_contract"
SIMULATOR = ML / "simulator/src/credit_simulator"


# import-linter can forbid names, but not all that nobody has thought of.
@pytest.mark.parametrize(
    ("package", "known"),
    [
        (CONTRACT, {"credit_contract", "numpy", "pydantic"}),
        (SIMULATOR, {"credit_simulator", "credit_contract", "numpy", "pydantic"}),
    ],
    ids=lambda given: given.name if isinstance(given, Path) else "",
)
def test_what_everything_rests_on_imports_nothing_further(package, known):
    modules = sorted(package.rglob("*.py"))
    assert modules
    found = {f"{module.relative_to(ML)}: {name}" for module in modules for name in imported(module) - known}
    assert found == set()


def imported(module: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    whole = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    parts = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in whole | parts} - sys.stdlib_module_names
