"""One contender in one round: started, checked, loaded, looked at, stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import database
from bench.applicants import People
from bench.checks import await_answer, check, wrong_inputs
from bench.contenders import Contender
from bench.database import Database
from bench.load import CROWD, p99_ms, saturate, write_script
from bench.process import Server, serving
from credit_training.serving import free_port

PACED_S = 5.0


@dataclass(frozen=True)
class Plan:
    """What is measured, for how long, on which applicants."""

    bundle: Path
    approved: People
    mixed: People
    seconds: int


def measure(contender: Contender, plan: Plan) -> dict[str, Any]:
    """One round's figures.

    Raises:
        StartError, WrongAnswerError: it cannot be measured.
    """
    people = plan.mixed if contender.mixed else plan.approved
    figures: dict[str, Any] = {}
    with _started(contender, plan.bundle) as (server, folder, store):
        url = f"http://127.0.0.1:{server.port}{contender.wire.path}"
        await_answer(url, contender.wire.request(people.groups(1)[0]))
        figures["start_s"] = server.age_s()
        for size in contender.sizes:
            groups = people.groups(size)
            bodies = [contender.wire.request(group) for group in groups]
            if contender.answers:
                check(url, contender.wire, groups, bodies)
            write_script(folder / "bodies.lua", bodies)
            before = store.cpu_s() if store else 0.0
            load = saturate(server, url, folder / "bodies.lua", plan.seconds)
            figures[str(size)] = asdict(load)
            if store:
                answered = load.requests_s * (plan.seconds + 1)  # the warming second too
                figures[str(size)]["database_us"] = (store.cpu_s() - before) / answered * 1e6
            if size == 1:
                lonely = saturate(server, url, folder / "bodies.lua", plan.seconds, 1)
                figures["1"] |= {"lonely_us": lonely.cpu_us, "lonely_p50_ms": lonely.p50_ms}
            if contender.journal != "off":
                rate = load.requests_s / 2
                figures[str(size)]["half_p99_ms"] = p99_ms(server.port, contender.wire.path, bodies, rate, PACED_S)
                crowd = saturate(server, url, folder / "bodies.lua", plan.seconds, CROWD)
                figures[str(size)]["crowd_us"], figures[str(size)]["crowd_errors"] = crowd.cpu_us, crowd.errors
        figures["memory_mb"] = server.memory_mb()
        figures["processes"] = server.processes()
        if contender.answers:
            figures["wrong"] = wrong_inputs(url, contender.wire, people.groups(1)[0])
    return figures


@contextmanager
def _started(contender: Contender, bundle: Path) -> Iterator[tuple[Server, Path, Database | None]]:
    with (
        TemporaryDirectory(prefix="bench-") as name,
        database.running() if contender.journal == "postgresql" else nullcontext() as store,
    ):
        folder, port = Path(name), free_port()
        variables = contender.variables(bundle, folder)
        if contender.journal != "off":
            variables["JOURNAL_URL"] = store.url if store else f"sqlite:///{folder}/journal.sqlite"
        with serving(contender.command(bundle, port), variables, port, folder, folder / "log") as server:
            yield server, folder, store
