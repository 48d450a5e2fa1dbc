"""The gates of a dataset, from `conf/gates.yaml`: the common ones, changed where the dataset says why.

Knows the file and the table that people read. Judging is the contract's.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from credit_contract.errors import GateError
from credit_contract.gates import Gate, GateResult, read_gates


def load_gates(path: Path, dataset: str, version: str = "") -> tuple[Gate, ...]:
    """The gates of a file for a dataset and one of its versions, as `parse_gates` gives them.

    Raises:
        GateError: no such file, or as `parse_gates`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise GateError(f"{path}: {error.strerror}") from None
    return parse_gates(text, str(path), dataset, version)


def parse_gates(text: str, path: str, dataset: str, version: str = "") -> tuple[Gate, ...]:
    """The gates that a dataset's networks must pass, in the order of the file, whose `path` errors name.

    A dataset version may change them too, after the dataset, by its name up to the first hyphen: `journal` does, of
    whatever portfolio and cut-off.

    Raises:
        GateError: no gates in it, a change of a gate that does not exist, a key that no gate has.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise GateError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not document.get("gates"):
        raise GateError(f"{path}: needs the key gates with a list of gates")
    common: list[dict[str, Any]] = document["gates"]
    names = [str(gate.get("name")) for gate in common]
    changed: dict[str, dict[str, Any]] = {name: {} for name in names}
    for section, key in (("datasets", dataset), ("versions", version.partition("-")[0])):
        for name, change in (document.get(section) or {}).get(key, {}).items():
            if name not in changed:
                nearest = difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
                raise GateError(f"{path}: {section}.{key}.{name}: no such gate; the nearest is {nearest}")
            changed[name] |= change
    return read_gates({**gate, **changed[str(gate.get("name"))]} for gate in common)


def gate_table(results: Iterable[GateResult]) -> str:
    """One line per gate: verdict, name, what was measured, what was wanted; reasons under those that failed."""
    lines = []
    for result in results:
        shown = f"{result.measured:.6g}" if isinstance(result.measured, float) else str(result.measured)
        lines.append(f"{result.verdict:<14} {result.name:<26} {shown:>12}   {result.wanted}")
        if result.verdict == "fail":
            lines.append(f"{'':<14} {result.why}")
    return "\n".join(lines)
