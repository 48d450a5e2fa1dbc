"""Robyn: a Rust server with Python handlers; orjson both ways, no validation, as it brings none."""

import sys

import orjson
from graph import Graph
from robyn import Request, Response, Robyn

graph = Graph()
app = Robyn(__file__)
HEADERS = {"content-type": "application/json"}


@app.post("/score")
async def score(request: Request) -> Response:
    """PDs."""
    pd = graph.pd(orjson.loads(request.body))
    return Response(status_code=200, headers=HEADERS, description=orjson.dumps({"pd": pd}).decode())


port = int(sys.argv.pop())
app.start(host="127.0.0.1", port=port)
