"""The dashboards' JSON files: written from code, and read back for the queries that they ask of Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from credit_delivery.dashboards.delivery import delivery
from credit_delivery.dashboards.drift import drift
from credit_delivery.dashboards.model import model
from credit_delivery.dashboards.service import service

FOLDER = Path("charts/monitoring/dashboards")
PAGES: dict[str, Callable[[], Dashboard]] = {"delivery": delivery, "drift": drift, "model": model, "service": service}
# What Grafana would put in for a person who has chosen nothing.
CHOSEN = {"$namespace": ".*", "$__rate_interval": "5m"}
# What the drift monitor says only once it has judged a window of decisions, or matured outcomes.
WINDOW = re.compile(r"\bdrift_monitor_(adverse_impact_ratio|estimated|missing_share|psi|verdict)\b")
OUTCOMES = re.compile(r"\bdrift_monitor_(estimate_error|promised|realised)\b")


class Query(NamedTuple):
    """One PromQL expression, with variables filled in, and what must have been before it has an answer."""

    dashboard: str
    panel: str
    expression: str

    @property
    def waits_for(self) -> Literal["nothing", "window", "outcomes"]:
        """Without these an empty panel is right."""
        if OUTCOMES.search(self.expression):
            return "outcomes"
        return "window" if WINDOW.search(self.expression) else "nothing"


def written() -> Iterator[tuple[str, str]]:
    """Name and content of every file, the same on every machine."""
    for name, build in PAGES.items():
        yield f"{name}.json", JSONEncoder(sort_keys=True, indent=1).encode(build().build()) + "\n"


def queries(folder: Path = FOLDER) -> list[Query]:
    """Every query of every panel of the dashboards in a folder."""
    found = []
    for path in sorted(folder.glob("*.json")):
        page = json.loads(path.read_text(encoding="utf-8"))
        for panel in page["panels"]:
            found += [Query(path.stem, panel["title"], _filled(target["expr"])) for target in panel["targets"]]
    return found


def _filled(expression: str) -> str:
    for variable, value in CHOSEN.items():
        expression = expression.replace(variable, value)
    return expression
