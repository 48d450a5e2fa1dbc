"""Load on the other core: wrk as fast as the server goes, or requests at a steady rate whatever the server does."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import uvloop

from bench.process import LOAD_CORE, Server, busy_s

CONNECTIONS, CROWD = 8, 64
WARM_S = 1
PACED_CONNECTIONS = 32

SCRIPT = """
local bodies = {%s}
local at = 0
request = function()
  at = at %% #bodies + 1
  return wrk.format("POST", nil, {["content-type"] = "application/json"}, bodies[at])
end
done = function(summary, latency)
  local errors = summary.errors
  print(string.format('{"requests":%%d,"us":%%d,"p50_us":%%d,"p99_us":%%d,"errors":%%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What one stretch of load gave; `others` is how many cores were busy with neither server nor load."""

    requests_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    errors: int
    others: float


def write_script(path: Path, bodies: Sequence[bytes]) -> None:
    """A script for wrk that sends the bodies in turn."""
    path.write_text(SCRIPT % ",\n".join(f"[===[{body.decode()}]===]" for body in bodies))


def saturate(server: Server, url: str, script: Path, seconds: int, connections: int = CONNECTIONS) -> Load:
    """So many connections, each sending its next request when it has its answer."""
    _wrk(url, script, WARM_S, connections)
    before, busy_before = server.cpu_s(), busy_s() - _load_s()
    told = _wrk(url, script, seconds, connections)
    cpu_s, busy = server.cpu_s() - before, busy_s() - _load_s() - busy_before
    requests = told["requests"]
    return Load(
        requests_s=requests / told["us"] * 1e6,
        cpu_us=cpu_s / requests * 1e6,
        p50_ms=told["p50_us"] / 1e3,
        p99_ms=told["p99_us"] / 1e3,
        errors=told["errors"],
        others=(busy - cpu_s) / told["us"] * 1e6,
    )


def _wrk(url: str, script: Path, seconds: int, connections: int) -> dict[str, int]:
    command = [
        "taskset",
        "-c",
        str(LOAD_CORE),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}",
        "-s",
        str(script),
        url,
    ]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 our own command
    told: dict[str, int] = json.loads(out.splitlines()[-1])
    return told


def _load_s() -> float:
    """CPU seconds of wrk so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _paced(port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due until its answer was complete."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(PACED_CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    took: list[float] = []

    async def ask(due: float, body: bytes) -> None:
        reader, writer = await idle.get()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        writer.write(head.encode() + b"\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.splitlines()[0].decode())
        length = next(line for line in answer.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        took.append(perf_counter() - due)
        idle.put_nowait((reader, writer))

    start = perf_counter()
    async with asyncio.TaskGroup() as asking:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            if (early := due - perf_counter()) > 0:
                await asyncio.sleep(early)
            asking.create_task(ask(due, bodies[number % len(bodies)]))
    while not idle.empty():
        idle.get_nowait()[1].close()
    return took


def p99_ms(port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float) -> float:
    """99th percentile of the time from a request's due moment to its answer, at a steady rate."""
    return float(np.quantile(uvloop.run(_paced(port, path, bodies, rate, seconds)), 0.99)) * 1e3
