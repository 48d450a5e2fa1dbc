"""Load: applicants sent to a scoring API at a steady rate, and what came of it. Does not know who the applicants are.

The rate is kept whatever the answers do (an open loop), and a request's time counts from when it was due: a service
that stalls shows in the percentiles instead of slowing its own test down.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from credit_delivery.errors import LoadError

CONNECTIONS = 16
PATIENCE_S = 30.0
REMEMBERED = 200_000
ROUTE = "/v1/score"


@dataclass(slots=True)
class Seen:
    """What happened so far. `answers` counts by HTTP status, or by the name of the error where there was none."""

    answers: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    """Answers by model digest."""
    reconnected: int = 0
    """Connections that the service had closed while idle; the request went again, as every HTTP client does it."""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """From due to answered, of the newest requests that were answered 200."""
    took_s: float = 0.0
    """From the beginning to the stop, or until now."""

    @property
    def sent(self) -> int:
        """Requests that were answered or failed."""
        return self.answers.total()

    @property
    def failed(self) -> int:
        """Requests that were not answered with 200."""
        return self.sent - self.answers["200"]

    @property
    def rate(self) -> float:
        """Requests a second that were sent in truth: less than wanted where they were too late for `PATIENCE_S`."""
        return self.sent / self.took_s if self.took_s else 0.0

    def percentile_ms(self, share: float) -> float:
        """A percentile of the answered; 0 where there are none."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def line(self) -> str:
        """One line for people."""
        models = ", ".join(f"{digest[:12]} {count:,}" for digest, count in self.models.items())
        faults = ", ".join(f"{what} {count:,}" for what, count in self.answers.items() if what != "200")
        return (
            f"{self.sent:,} sent, {self.failed:,} failed{f' ({faults})' if faults else ''}, {self.rate:.1f}/s for "
            f"{self.took_s:.0f} s, p50 {self.percentile_ms(0.5):.1f} ms, p99 {self.percentile_ms(0.99):.1f} ms, "
            f"answered by {models or 'nobody'}"
        )


class Load:
    """Requests with these bodies, `rate` a second, from `start` to `stop` or for `seconds`; use it as a context.

    Raises:
        LoadError: the URL is none.
    """

    def __init__(
        self,
        url: str,
        bodies: Iterator[Any],
        rate: float,
        seconds: float | None = None,
        key: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise LoadError(f"{url} is no address of a service; write one such as http://127.0.0.1:8000")
        self._parts = parts
        self._bodies = bodies
        self._rate = rate
        self._turns = math.inf if seconds is None else round(seconds * rate)
        self._headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._next = 0
        self._begun = 0.0
        self._stopped: float | None = None
        self._seen = Seen()
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(CONNECTIONS)]

    def __enter__(self) -> Load:
        """Begin."""
        self._begun = time.monotonic()
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for what is under way."""
        self.stop()
        for worker in self._workers:
            worker.join()

    def stop(self) -> None:
        """Let no more requests become due."""
        self._stopped = self._stopped or time.monotonic()
        self._stopping.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the load is over; true when it is."""
        until = time.monotonic() + seconds
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))
        return not any(worker.is_alive() for worker in self._workers)

    def seen(self) -> Seen:
        """What happened until now."""
        with self._lock:
            now, took_s = self._seen, (self._stopped or time.monotonic()) - self._begun
            return Seen(Counter(now.answers), Counter(now.models), now.reconnected, now.seconds.copy(), took_s)

    def _work(self) -> None:
        connection = self._connection()
        while (turn := self._turn()) is not None:
            due, body = turn
            self._stopping.wait(max(0.0, due - time.monotonic()))
            if self._over(due):
                break
            try:
                status, answer = self._ask(connection, body)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._failed(type(error).__name__)
            else:
                self._answered(status, answer, time.monotonic() - due)
        connection.close()

    def _turn(self) -> tuple[float, bytes] | None:
        """When the next request is due, and its body; None when there is none."""
        with self._lock:
            if self._next >= self._turns or (body := next(self._bodies, None)) is None:
                return None
            due = self._begun + self._next / self._rate
            self._next += 1
        return due, json.dumps(body).encode()

    def _over(self, due: float) -> bool:
        """What was due before the stop is sent, unless it is as late as no client would wait."""
        stopped = self._stopped
        return stopped is not None and (due > stopped or time.monotonic() > stopped + PATIENCE_S)

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=PATIENCE_S)

    def _ask(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        kept = connection.sock is not None
        try:
            return self._exchange(connection, body)
        except (ConnectionResetError, BrokenPipeError):  # of which one is RemoteDisconnected: closed without a word
            if not kept:
                raise
            connection.close()
            with self._lock:
                self._seen.reconnected += 1
            return self._exchange(connection, body)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._parts.path.rstrip("/") + ROUTE, body, self._headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _answered(self, status: int, answer: bytes, seconds: float) -> None:
        digest = json.loads(answer)["model_digest"] if status == http.HTTPStatus.OK else None
        with self._lock:
            self._seen.answers[str(status)] += 1
            if digest is not None:
                self._seen.models[digest] += 1
                self._seen.seconds.append(seconds)

    def _failed(self, what: str) -> None:
        with self._lock:
            self._seen.answers[what] += 1
