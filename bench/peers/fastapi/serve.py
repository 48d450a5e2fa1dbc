"""Bare FastAPI: pydantic models with types, ranges and categories; `async def`, since the model takes microseconds."""

import sys
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI
from graph import Graph
from pydantic import BaseModel, Field, create_model

graph = Graph()


def _type(field: dict[str, Any]) -> Any:
    if field["kind"] == "category":
        return Literal[tuple(field["categories"])]
    kind = int if field["kind"] == "integer" else float
    return Annotated[kind, Field(ge=field["minimum"], le=field["maximum"])]


Applicant = create_model(
    "Applicant", **{field["name"]: (_type(field), ...) for field in [*graph.numbers, *graph.categories]}
)


class Answer(BaseModel):
    """What is answered."""

    pd: list[float]


app = FastAPI()


@app.post("/score")
async def score(applicants: list[Applicant]) -> Answer:  # type: ignore[valid-type]
    """PDs."""
    return Answer(pd=graph.pd([applicant.__dict__ for applicant in applicants]))


uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
