"""A small lender with every trap in it: missing values, an alias, a leak, protected fields, duplicates, dates."""

from __future__ import annotations

import http.server
import json
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import yaml

from credit_contract.applicant import Encoded
from credit_contract.policy import Band, Policy
from credit_contract.schema import FeatureSchema, Field
from credit_training.dataset import DatasetSpec, load_dataset
from credit_training.portfolio import Portfolio

LENDER = """
name: lender
title: A small lender
about: Made up for tests.
licence: CC0
citation: none
source: {kind: file, path: lender.csv}
target: {column: outcome, bad: [late], good: [paid], meaning: paid late}
weight: sample_weight
time: applied
fields:
  income: {source: INCOME, kind: number, minimum: 0, maximum: 100000, unit: EUR, meaning: income, monotone: decreasing,
           optional: true, reason: The income is low}
  term: {kind: integer, minimum: 1, maximum: 120, unit: months, meaning: term, reason: The term}
  job: {kind: category, categories: [office, field, retired], aliases: {pensioner: retired}, meaning: job,
        reason: The job}
  rooms: {kind: category, categories: [1, 2], labels: {"1": one, "2": two}, optional: true, meaning: rooms,
          reason: Rooms}
  sex: {kind: category, role: protected, categories: [f, m], labels: {f: female, m: male}, meaning: sex, reason: Sex}
  age: {kind: integer, role: protected, minimum: 18, maximum: 100, unit: years, meaning: age, bands: [30, 50],
        reason: Age}
  months_run: {kind: integer, role: leak, minimum: 0, maximum: 120, unit: months, meaning: months run, reason: Months}
other_columns: {id: row number}
versions:
  v1: {summary: as published}
  v2:
    summary: cleaned
    recipe:
      - {step: drop_duplicates, ignoring: [id]}
split: {kind: stratified, holdout: 0.25, seed: 7}
policy:
  version: lender-1
  base_score: 600
  base_odds: 20
  points_to_double: 40
  approve_below: 0.2
  decline_from: 0.5
  loss_given_default: 0.5
  bands: [{name: A, pd_below: 0.2}, {name: B, pd_below: 1}]
"""
HEADER = "id,INCOME,term,job,rooms,sex,age,months_run,applied,sample_weight,outcome"


def lender_rows(count: int = 200) -> list[list[str]]:
    """Rows of text; the second repeats the first apart from its id."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(count):
        income = "" if number % 10 == 3 else f"{rng.integers(500, 9000)}.5"
        late = rng.random() < (0.5 if income and float(income) < 3000 else 0.2)
        rows.append([
            income,
            str(rng.integers(6, 60)),
            ("office", "field", "retired", "pensioner")[rng.integers(4)],
            ("", "1", "2")[rng.integers(3)],
            "fm"[rng.integers(2)],
            str(rng.integers(18, 80)),
            str(rng.integers(1, 12) if late else 60),
            str(np.datetime64("2020-01-01") + 5 * number),
            "2.5" if late else "1",
            "late" if late else "paid",
        ])  # fmt: skip
    rows[1] = list(rows[0])
    return [[str(number), *row] for number, row in enumerate(rows)]


class Lender:
    """The lender's files in a folder of their own, with CREDIT_DATA_DIR on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "var"
        self.yaml = folder / "lender.yaml"
        self.table = folder / "data" / "lender.csv"
        self.table.parent.mkdir()
        self.rows = lender_rows()
        self.write_rows(self.rows)
        self.describe()

    def write(self, text: str) -> None:
        """Replace the table."""
        self.table.write_text(text, encoding="utf-8")

    def write_rows(self, rows: list[list[str]]) -> None:
        """Replace the table by rows under the same header."""
        self.write("\n".join([HEADER, *(",".join(row) for row in rows)]) + "\n")

    def change(self, row: int, column: str, value: str) -> None:
        """Write the table with one cell changed; `row` counts as a spreadsheet does, the header being row 1."""
        rows = [list(cells) for cells in self.rows]
        rows[row - 2][HEADER.split(",").index(column)] = value
        self.write_rows(rows)

    def describe(self, **replaced: str) -> DatasetSpec:
        """The dataset with some top keys of its YAML replaced, each given as YAML; null removes a key."""
        content = yaml.safe_load(LENDER) | {key: yaml.safe_load(value) for key, value in replaced.items()}
        kept = {key: value for key, value in content.items() if value is not None}
        self.yaml.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
        return self.spec

    @property
    def spec(self) -> DatasetSpec:
        """The dataset as its YAML stands."""
        return load_dataset(str(self.yaml))


@pytest.fixture
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lender:
    monkeypatch.setenv("CREDIT_DATA_DIR", str(tmp_path / "data"))
    return Lender(tmp_path)


@pytest.fixture
def unused_tcp_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Answer = Callable[[dict[str, str]], Any]


@pytest.fixture
def api() -> Iterator[Callable[[Answer], str]]:
    """Starts an HTTP API that answers what a function makes of the query, and gives its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(_Quiet):
            def do_GET(self) -> None:
                said = answer(dict(parse_qsl(urlsplit(self.path).query)))
                body = (said if isinstance(said, str) else json.dumps(said)).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

        servers.append(_served(Handler))
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _served(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address on this machine under which it is published."""
    folder = tmp_path / "published"
    folder.mkdir()
    server = _served(partial(_Quiet, directory=str(folder)))
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """As on a full disk, no file that this process writes may have more bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="session")
def tracking_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes seconds, copying it into a home none."""
    from credit_training.registry import Registry

    home = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Registry(home).champion("nobody")
    return home / "mlflow.db"


BORROWERS = FeatureSchema(
    dataset="borrowers",
    version="v1",
    fields=(
        Field(name="income", kind="number", minimum=0, maximum=1e6, meaning="m", monotone="decreasing", reason="r"),
        Field(name="late", kind="integer", minimum=-2, maximum=9, meaning="m", reason="r", optional=True,
              monotone="increasing", monotone_from=0),
        Field(name="age_of_car", kind="number", minimum=0, maximum=99, meaning="m", reason="r"),
        Field(name="job", kind="category", categories=("office", "field", "none"), meaning="m", reason="r"),
        Field(name="sex", kind="category", categories=("f", "m"), meaning="m", role="protected"),
    ),
)  # fmt: skip


@pytest.fixture(scope="session")
def borrowers() -> Portfolio:
    """3,000 applicants whose risk falls with income, grows with months late and depends on the job."""
    rng = np.random.default_rng(11)
    count = 3000
    income, late = rng.lognormal(10, 0.5, count), rng.integers(-2, 5, count).astype(float)
    job, noise = rng.integers(1, 4, count), rng.uniform(0, 30, count)
    risk = -1.5 - 1.2 * (np.log(income) - 10) + 0.6 * np.maximum(late, 0) + 0.5 * (job == 3)
    target = rng.random(count) < 1 / (1 + np.exp(-risk))
    late[rng.random(count) < 0.05] = np.nan
    return Portfolio(
        schema=BORROWERS,
        encoded=Encoded(np.column_stack([income, late, noise]).astype(np.float32), job[:, None].astype(np.int64)),
        target=target.astype(np.int8),
        weight=np.ones(count),
        group=np.arange(count, dtype=np.int64),
        holdout=np.arange(count) % 3 == 0,
        protected={"sex": np.array(["f", "m"])[rng.integers(0, 2, count)]},
        sha256="a" * 64,
    )


@pytest.fixture(scope="session")
def policy() -> Policy:
    return Policy(
        version="1",
        base_score=600,
        base_odds=20,
        points_to_double=40,
        approve_below=0.2,
        decline_from=0.4,
        bands=(Band(name="A", pd_below=0.1), Band(name="B", pd_below=0.3), Band(name="C", pd_below=1)),
        loss_given_default=0.5,
        reasons={"income": "r", "late": "r", "age_of_car": "r", "job": "r"},
    )
