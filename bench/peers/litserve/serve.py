"""LitServe: one API process, one worker, its fast queue."""

import sys
from typing import Any

import litserve
from graph import Graph


class Scorer(litserve.LitAPI):
    """One model."""

    def setup(self, device: str) -> None:  # noqa: ARG002 its interface
        """Read the graph."""
        self.graph = Graph()

    def decode_request(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Applicants."""
        return request["instances"]

    def predict(self, x: list[dict[str, Any]]) -> list[float]:
        """PDs."""
        return self.graph.pd(x)

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        """What is answered."""
        return {"pd": output}


if __name__ == "__main__":
    server = litserve.LitServer(Scorer(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
