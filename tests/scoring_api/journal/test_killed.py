"""The service itself, killed under many clients: what they were told is in the journal, once, in a whole chain."""

import contextlib
import threading

import httpx

from ..process import start  # noqa: TID252 - beside the service's other tests
from ..toy import BAD, GOOD  # noqa: TID252
from .test_commands import run
from .test_faults import recorded

CLIENTS, ENOUGH = 8, 200
BODIES = [GOOD, BAD, [BAD, GOOD, BAD]]


class Clients:
    """Ask until nobody answers; `told` are the decisions that they know of."""

    def __init__(self, url):
        self._url, self._enough = url, threading.Event()
        self.told = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self._threads:
            thread.join()

    def wait_for_enough(self):
        return self._enough.wait(timeout=60)

    def _ask(self):
        with httpx.Client(base_url=self._url, trust_env=False) as client, contextlib.suppress(httpx.TransportError):
            while True:
                for body in BODIES:
                    answer = client.post("/v1/score", json=body)
                    assert answer.status_code == 200, answer.text
                    self.told += [result["id"] for result in answer.json()["results"]]
                if len(self.told) > ENOUGH:
                    self._enough.set()


def test_every_decision_that_a_client_was_told_outlives_kill_9(bundle, url, volume, monkeypatch, capsys):
    monkeypatch.setenv("JOURNAL_URL", url)
    process, client = start(bundle.path, "journal.keep=true", f"journal.volume={volume}")
    with client:
        try:
            with Clients(client.base_url) as clients:
                enough = clients.wait_for_enough()
                process.kill()
        finally:
            process.kill()
            process.communicate()
    assert enough
    kept = recorded(url)
    assert set(clients.told) <= set(kept)
    assert len(kept) == len(set(kept))
    code, told = run(capsys, "verify", f"journal.volume={volume}")
    assert (code, told.startswith(f"{len(kept)} decisions of 1 writers read, ")) == (0, True)
