"""Litestar with msgspec structs: types, ranges and categories."""

import sys
from typing import Annotated, Any, Literal

import msgspec
import uvicorn
from graph import Graph
from litestar import Litestar, post

graph = Graph()


def _type(field: dict[str, Any]) -> Any:
    if field["kind"] == "category":
        return Literal[tuple(field["categories"])]
    kind = int if field["kind"] == "integer" else float
    low, high = kind(field["minimum"]), kind(field["maximum"])
    return Annotated[kind, msgspec.Meta(ge=low, le=high)]


Applicant = msgspec.defstruct(
    "Applicant", [(field["name"], _type(field)) for field in [*graph.numbers, *graph.categories]]
)


@post("/score", status_code=200)
async def score(data: list[Applicant]) -> dict[str, list[float]]:  # type: ignore[valid-type]
    """PDs."""
    return {"pd": graph.pd([msgspec.structs.asdict(applicant) for applicant in data])}


app = Litestar([score])
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
