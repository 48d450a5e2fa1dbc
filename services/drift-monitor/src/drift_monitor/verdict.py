"""The verdict on a window: from findings, by a declared table, with the reason in one sentence.

Knows the table and findings only; never acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from credit_contract.schema import Frozen
from drift_monitor.errors import SettingsError
from drift_monitor.finding import Evidence, Finding

Verdict = Literal["ok", "watch", "retrain", "stop"]
SEVERITY: tuple[Verdict, ...] = ("ok", "watch", "retrain", "stop")
EXIT_CODES: dict[Verdict, int] = {"ok": 0, "watch": 0, "retrain": 3, "stop": 4}
NAMED = 3  # findings in a sentence


class Rule(Frozen):
    """When all of this evidence was found, the verdict is at least this."""

    when: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    verdict: Literal["watch", "retrain", "stop"]


class VerdictTable(Frozen):
    """The declared rules; `version` is of the file's form."""

    version: Literal[1]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


def read_table(path: Path | None = None) -> VerdictTable:
    """The table of a YAML file, or the one that comes with the monitor.

    Raises:
        SettingsError: names the key that is wrong.
    """
    source = files("drift_monitor") / "verdicts.yaml" if path is None else path
    try:
        return VerdictTable.model_validate(yaml.safe_load(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"verdict table {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"verdict table {path}: is not YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "(root)"
        raise SettingsError(f"verdict table {path}: {where}: {first['msg']}") from None


def decide(findings: Sequence[Finding], table: VerdictTable) -> tuple[Verdict, str]:
    """The verdict, and one sentence that says why with the numbers."""
    fired = {finding.evidence for finding in findings if finding.fired}
    speaking = [rule for rule in table.rules if set(rule.when) <= fired]
    if not speaking:
        return "ok", _quiet(findings)
    verdict = max((rule.verdict for rule in speaking), key=SEVERITY.index)
    grounds = {evidence for rule in speaking if rule.verdict == verdict for evidence in rule.when}
    return verdict, _sentence(verdict, [f for f in findings if f.fired and f.evidence in grounds])


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The most severe of many; ok for none."""
    return max(verdicts, key=SEVERITY.index, default="ok")


def _sentence(verdict: Verdict, findings: Sequence[Finding]) -> str:
    """The largest finding of each kind of evidence first, then the next largest, relative to their limits."""
    ranked = sorted(findings, key=lambda f: -abs(f.value) / f.limit)
    firsts = {finding.evidence: finding for finding in reversed(ranked)}.values()
    named = [f for f in ranked if f in firsts] + [f for f in ranked if f not in firsts]
    said = "; ".join(finding.sentence for finding in named[:NAMED])
    more = f"; and {len(named) - NAMED} more findings" if len(named) > NAMED else ""
    return f"{verdict}: {said}{more}."


def _quiet(findings: Sequence[Finding]) -> str:
    beyond = [finding for finding in findings if finding.fired]
    if beyond:
        return f"ok: the verdict table gives no weight to what was found: {beyond[0].sentence}."
    shifts = [finding for finding in findings if finding.check == "psi"]
    if not shifts:
        return f"ok: none of {len(findings)} checks fired; there are too few decisions to judge drift."
    largest = max(shifts, key=lambda finding: finding.value)
    return f"ok: none of {len(findings)} checks fired; the largest {largest.sentence}."
