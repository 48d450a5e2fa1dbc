"""Services of the cluster at ports of this machine, as long as somebody needs them. Does not know what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.environments import Name
from credit_delivery.errors import ClusterError
from credit_delivery.programs import beside

PORT = re.compile(r"127\.0\.0\.1:(\d+)")


@contextmanager
def forwarded(environment: Name, service: str, port: int) -> Iterator[int]:
    """A port of 127.0.0.1 that leads to a service's.

    Raises:
        ClusterError: no pod answers for the service.
    """
    forward = ["kubectl", "--context", CONTEXT, "--namespace", environment, "port-forward"]
    with beside([*forward, f"service/{service}", f":{port}"]) as said:
        found = PORT.search(said.readline())
        if found is None:
            more = f"kubectl --context {CONTEXT} --namespace {environment} get pods"
            raise ClusterError(f"{service} in {environment} cannot be reached", more)
        yield int(found[1])
