"""Asks a Prometheus for what the dashboards show: which of their queries it refuses, or has nothing for.

Knows Prometheus' HTTP API, not what a query means.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable

from credit_delivery.dashboards.files import Query
from credit_delivery.errors import DeliveryError

PATIENCE_S = 30


def faults(address: str, asked: Iterable[Query]) -> list[str]:
    """One line for each query without an answer; none when every panel would show something.

    Raises:
        DeliveryError: nobody answers there.
    """
    found = ((query, _fault(address, query.expression)) for query in asked)
    return [f"{query.dashboard}, {query.panel}: {fault}: {query.expression}" for query, fault in found if fault]


def _fault(address: str, expression: str) -> str | None:
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:  # noqa: S310 - the caller's own URL
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        return f"refused: {error.read().decode(errors='replace')}"
    except (OSError, ValueError) as error:
        raise DeliveryError(f"Prometheus at {address}: {error}; give the address of its API") from None
    return None if answer["data"]["result"] else "no data"
