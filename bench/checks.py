"""Right before fast: every body's PDs as the bundle's graph gives them; and what wrong bodies are answered with."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.applicants import People
from bench.wires import Wire

TOLERANCE = 1e-6
PATIENCE_S = 60.0
WRONG = ("null", "string", "short row", "nobody", "not JSON")


class WrongAnswerError(Exception):
    """A server's PDs are not the model's."""


def await_answer(url: str, body: bytes) -> None:
    """Until the server answers with success: some listen before their model is loaded.

    Raises:
        WrongAnswerError: it never does.
    """
    deadline = time.perf_counter() + PATIENCE_S
    while (told := post(url, body))[0] >= 300:
        if time.perf_counter() > deadline:
            raise WrongAnswerError(f"status {told[0]}: {told[1][:200]!r}")
        time.sleep(0.02)


def check(url: str, wire: Wire, groups: Sequence[People], bodies: Sequence[bytes]) -> None:
    """Send each body once.

    Raises:
        WrongAnswerError: a PD is missing or differs.
    """
    for people, body in zip(groups, bodies, strict=True):
        status, answer = post(url, body)
        if status != 200:
            raise WrongAnswerError(f"status {status}: {answer[:200]!r}")
        pds = np.array(wire.pds(json.loads(answer)), dtype=float)
        if pds.shape != people.pd.shape or not np.abs(pds - people.pd).max() <= TOLERANCE:
            raise WrongAnswerError("other PDs than the graph's")


def wrong_inputs(url: str, wire: Wire, people: People) -> dict[str, int]:
    """The status that each wrong body gets, by `WRONG`; 200 is a score for an applicant that there is not."""
    bodies = [_spoiled(wire, people, kind) for kind in WRONG]
    return {kind: post(url, body)[0] for kind, body in zip(WRONG, bodies, strict=True)}


def post(url: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of an answer."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 our own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def _spoiled(wire: Wire, people: People, kind: str) -> bytes:
    if kind == "not JSON":
        return wire.request(people)[:-1]
    if kind == "nobody":
        return wire.request(People(people.bundle, [], people.pd[:0]))
    document = json.loads(wire.request(people))
    row = _first_row(document)
    place = people.bundle.schema.number_fields[0].name if isinstance(row, dict) else 0
    if kind == "short row":
        del row[place]
    else:
        row[place] = None if kind == "null" else "a lot"
    return json.dumps(document).encode()


def _first_row(part: Any, name: str = "") -> Any:
    """The first object or list that holds an applicant's values."""
    inner = part.items() if isinstance(part, dict) else ((name, one) for one in part)
    for key, one in inner:
        if isinstance(one, (dict, list)) and key not in ("shape", "columns"):
            return _first_row(one, key)
    return part
