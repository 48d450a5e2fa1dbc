"""`python -m credit_delivery.dashboards [ADDRESS]`: lists all panels' queries, or asks them of the Prometheus there."""

from __future__ import annotations

import sys

from credit_delivery.dashboards.files import queries
from credit_delivery.dashboards.prometheus import faults
from credit_delivery.errors import DeliveryError


def main(arguments: list[str]) -> None:
    """Print; with an address, exit code 1 unless every query has an answer."""
    found = queries()
    if not arguments:
        print("\n".join("\t".join(query) for query in found))
        return
    try:
        lines = faults(arguments[0].rstrip("/"), found)
    except DeliveryError as error:
        sys.exit(f"dashboards: {error}")
    print("\n".join([*lines, f"{len(found) - len(lines)} of {len(found)} queries have data"]))
    sys.exit(bool(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
