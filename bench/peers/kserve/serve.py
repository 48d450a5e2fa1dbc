"""KServe's Python server with a custom model by the V1 protocol; gRPC off."""

import sys
from typing import Any

import kserve
from graph import Graph


class Scorer(kserve.Model):
    """One model."""

    def __init__(self) -> None:
        super().__init__("scorer")
        self.graph = Graph()
        self.ready = True

    async def predict(
        self,
        payload: dict[str, Any],
        headers: Any = None,  # noqa: ARG002 its interface
        response_headers: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """PDs."""
        return {"predictions": self.graph.pd(payload["instances"])}


if __name__ == "__main__":
    server = kserve.ModelServer(http_port=int(sys.argv[1]), workers=1, enable_grpc=False, access_log_format=None)
    server.start([Scorer()])
