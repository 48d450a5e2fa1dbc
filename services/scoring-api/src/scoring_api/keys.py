"""The API keys of the running service: read at its start, and anew when told to or when their file changes.

Keys that are refused leave the old ones. Does not know requests.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from scoring_api.access import Access, Caller, parse_keys
from scoring_api.errors import SettingsError
from scoring_api.logs import log
from scoring_api.settings import Settings

KEYS = "SCORING_API_KEYS"


class Keys:
    """Keeps `access` to what settings and environment say."""

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        self._settings = settings
        self._seen = _state(settings.keys_file)

    def look(self) -> None:
        """Read the file again if it is another than it was."""
        if _state(self._settings.keys_file) != self._seen:
            self.read(self._settings)

    def read(self, settings: Settings) -> None:
        """Take what these settings name, from the next request on."""
        self._settings, self._seen = settings, _state(settings.keys_file)
        try:
            callers = read_callers(settings, os.environ)
        except SettingsError as error:
            log.error("keys refused", extra={"fields": {"reason": str(error)}})
            return
        if callers is not None:
            self._access.know(callers)
            log.info("keys read", extra={"fields": {"keys": len(callers)}})


def read_callers(settings: Settings, environment: Mapping[str, str]) -> dict[str, Caller] | None:
    """The callers that settings and environment name; None where everything is open.

    Raises:
        SettingsError: there are none, or they cannot be read.
    """
    if settings.auth == "none":
        return None
    if text := environment.get(KEYS):
        source = KEYS
    elif settings.keys_file is None:
        raise SettingsError(f"auth is `keys`: set {KEYS} or keys_file, or auth=none for a demonstration")
    else:
        source = f"keys_file {settings.keys_file}"
        try:
            text = settings.keys_file.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{source}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{source}: is not UTF-8") from None
    callers = parse_keys(text.replace(",", "\n").splitlines(), source)
    if not callers:
        raise SettingsError(f"{source}: holds no key; `scoring-api key` makes one")
    return callers


def _state(file: Path | None) -> tuple[int, ...] | None:
    """What changes when a file does, or when a link to it leads elsewhere."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return ()
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found is not None else None
