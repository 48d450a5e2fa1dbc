"""Ray Serve: one replica behind its proxy."""

import sys
import time

import ray
from graph import Graph
from ray import serve
from starlette.requests import Request

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})


@serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0}, max_ongoing_requests=100)
class Scorer:
    """One model."""

    def __init__(self) -> None:
        self.graph = Graph()

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        """PDs."""
        return {"pd": self.graph.pd(await request.json())}


serve.run(Scorer.bind(), route_prefix="/score")
while True:
    time.sleep(1)
