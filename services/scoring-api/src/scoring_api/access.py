"""Who may ask for what, and how often: API keys by header, roles, a token bucket per key in this process.

A key is `name.secret`, sent as `X-API-Key`. The service knows `name:role+role:sha256-of-secret`, one per line, from
SCORING_API_KEYS or a file, which may be read anew. A fast hash is enough because secrets are 256 random bits
(`scoring-api key` makes them), not passwords. Does not know routes.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, get_args

from scoring_api.errors import ForbiddenError, RateLimitedError, SettingsError, UnauthorisedError

Role = Literal["score", "outcomes", "admin"]
ROLES: frozenset[str] = frozenset(get_args(Role))
HEADER = b"x-api-key"
NOBODY = "0" * 64


@dataclass(slots=True)
class Caller:
    """A key's owner; `tokens` at time `filled` are what is left of its rate."""

    name: str
    roles: frozenset[str]
    secret_hash: str = NOBODY
    tokens: float = field(default=math.inf)
    filled: float = 0.0


class Access:
    """Decides on each request's caller."""

    def __init__(self, callers: Mapping[str, Caller] | None, requests_per_minute: int) -> None:
        """`callers` None opens everything to one anonymous caller."""
        self._callers = callers
        self._anonymous = Caller("anonymous", ROLES)
        self._nobody = Caller("", frozenset())
        self._per_second = requests_per_minute / 60
        self._burst = max(1.0, self._per_second * 10)

    def caller(self, key: bytes | None, role: Role) -> Caller:
        """The caller of a request that needs a role.

        Raises:
            UnauthorisedError, ForbiddenError, RateLimitedError: as they say.
        """
        caller = self._anonymous if self._callers is None else self._known(key, self._callers)
        if role not in caller.roles:
            raise ForbiddenError(f"this key lacks the role {role}")
        if self._per_second:
            self._take(caller)
        return caller

    def know(self, callers: Mapping[str, Caller]) -> None:
        """Only these callers from the next request on, each with what is left of its rate."""
        if self._callers is None:
            return
        for name in callers.keys() & self._callers.keys():
            callers[name].tokens, callers[name].filled = self._callers[name].tokens, self._callers[name].filled
        self._callers = callers

    def _known(self, key: bytes | None, callers: Mapping[str, Caller]) -> Caller:
        if key is None:
            raise UnauthorisedError("send an API key in the header X-API-Key")
        name, _, secret = key.partition(b".")
        caller = callers.get(name.decode("latin-1"), self._nobody)
        if not hmac.compare_digest(hashlib.sha256(secret).hexdigest(), caller.secret_hash):
            raise UnauthorisedError("this API key is unknown")
        return caller

    def _take(self, caller: Caller) -> None:
        now = monotonic()
        caller.tokens = min(self._burst, caller.tokens + (now - caller.filled) * self._per_second)
        caller.filled = now
        if caller.tokens < 1:
            raise RateLimitedError(math.ceil((1 - caller.tokens) / self._per_second))
        caller.tokens -= 1


def parse_keys(lines: Iterable[str], source: str) -> dict[str, Caller]:
    """Callers by name, from `name:role+role:hash` lines; empty lines and those that start with # are skipped.

    Raises:
        SettingsError: a line that is none, an unknown role, a name twice; the hash is not repeated in the message.
    """
    callers: dict[str, Caller] = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        where = f"{source}, line {number}"
        parts = line.split(":")
        if len(parts) != 3 or len(parts[2]) != len(NOBODY) or not parts[0].replace("-", "").isalnum():
            raise SettingsError(f"{where}: must be name:role+role:sha256; `scoring-api key` makes one")
        name, roles, secret_hash = parts[0], frozenset(parts[1].split("+")), parts[2].lower()
        if unknown := sorted(roles - ROLES):
            raise SettingsError(f"{where}: unknown role {unknown[0]}; roles are {', '.join(sorted(ROLES))}")
        if name in callers:
            raise SettingsError(f"{where}: the name {name} occurs twice")
        callers[name] = Caller(name, roles, secret_hash)
    return callers


def new_key(name: str, roles: str) -> tuple[str, str]:
    """A new key to hand out, and the line by which the service knows it."""
    secret = secrets.token_urlsafe(32)
    return f"{name}.{secret}", f"{name}:{roles}:{hashlib.sha256(secret.encode()).hexdigest()}"
