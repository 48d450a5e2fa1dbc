"""BentoML: one service, applicants typed as objects."""

from typing import Any

import bentoml
from graph import Graph


@bentoml.service(workers=1)
class Scorer:
    """One model."""

    def __init__(self) -> None:
        self.graph = Graph()

    @bentoml.api
    async def score(self, applicants: list[dict[str, Any]]) -> list[float]:
        """PDs."""
        return self.graph.pd(applicants)
