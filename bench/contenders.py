"""Who is measured: this service in its ways, and its peers, each in an environment of its own under var/bench."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench import wires
from bench.wires import Wire

HERE = Path(__file__).parent
PEERS = HERE / "peers"
WORK = HERE.parent / "var" / "bench"
OURS = Path(sys.executable).with_name("scoring-api")
SETTINGS = ["auth=none", "log_level=warning"]


@dataclass(frozen=True)
class Contender:
    """One row of the table. `peer` is its folder under `peers`; without one it is this service with `settings`."""

    name: str
    note: str
    wire: Wire
    peer: str | None = None
    settings: Sequence[str] = ("journal.keep=false",)
    journal: Literal["off", "sqlite", "postgresql"] = "off"
    mixed: bool = False
    sizes: tuple[int, ...] = (1, 100)
    answers: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, bundle: Path, port: int) -> list[str]:
        """What starts it."""
        if self.peer is None:
            return [
                str(OURS),
                "serve",
                "--bundle",
                str(bundle),
                "--tag",
                "bench",
                f"port={port}",
                *SETTINGS,
                *self.settings,
            ]
        return [str(self._python()), str(PEERS / self.peer / "serve.py"), str(port)]

    def variables(self, bundle: Path, folder: Path) -> dict[str, str]:
        """What its environment has beside ours."""
        path = f"{PEERS}:{PEERS / self.peer}" if self.peer else ""
        return {"BUNDLE": str(bundle), "WORK": str(folder), "PYTHONPATH": path, **self.environment}

    def prepare(self) -> None:
        """Make the peer's environment, unless its requirements are installed already.

        Raises:
            CalledProcessError: they cannot be.
        """
        if self.peer is None:
            return
        locked, done = PEERS / self.peer / "requirements.txt", self._folder() / "installed.txt"
        if done.exists() and done.read_bytes() == locked.read_bytes():
            return
        uv = [sys.executable, "-m", "uv"]
        environment = ["--allow-existing", "--python", sys.executable, str(self._folder())]
        subprocess.run([*uv, "venv", "--quiet", *environment], check=True)  # noqa: S603 our own commands
        subprocess.run([*uv, "pip", "sync", "--quiet", "--python", str(self._python()), str(locked)], check=True)  # noqa: S603
        done.write_bytes(locked.read_bytes())

    def _folder(self) -> Path:
        return WORK / str(self.peer)

    def _python(self) -> Path:
        return self._folder() / "bin" / "python"


QUIET = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "1", "RAY_USAGE_STATS_ENABLED": "0"}

CONTENDERS = (
    Contender("scoring-api", "validated, metrics, journal off; objects", wires.OBJECTS),
    Contender("scoring-api columns", "the same, applicants as `columns` and `rows`", wires.COLUMNS, sizes=(100,)),
    Contender(
        "scoring-api reasons", "approved, referred and declined as in the data; journal off", wires.OBJECTS, mixed=True
    ),
    Contender(
        "scoring-api SQLite",
        "the same, every decision durable in SQLite",
        wires.OBJECTS,
        settings=(),
        journal="sqlite",
        mixed=True,
        sizes=(1,),
    ),
    Contender(
        "scoring-api PostgreSQL",
        "the same in PostgreSQL, whose own CPU is apart",
        wires.OBJECTS,
        settings=(),
        journal="postgresql",
        mixed=True,
        sizes=(1,),
    ),
    Contender("echo", "uvicorn alone: reads the body, answers a constant", wires.LIST, "echo", answers=False),
    Contender("robyn", "Rust server, orjson, no validation", wires.LIST, "robyn"),
    Contender("litestar", "msgspec with types, ranges, categories", wires.LIST, "litestar"),
    Contender("fastapi", "bare, pydantic with types, ranges, categories", wires.LIST, "fastapi"),
    Contender("kserve", "custom model, V1 protocol, gRPC off", wires.KSERVE, "kserve"),
    Contender("mlserver", "custom runtime, V2 protocol, no worker processes, metrics off", wires.V2, "mlserver"),
    Contender("mlflow", "`mlflow models serve`, ONNX flavour, tensor signature", wires.TENSORS, "mlflow"),
    Contender("bentoml", "one worker, async API", wires.APPLICANTS, "bentoml"),
    Contender("litserve", "one API process, one worker, fast queue", wires.INSTANCES, "litserve"),
    Contender("ray", "Ray Serve, one replica", wires.LIST, "ray"),
)
