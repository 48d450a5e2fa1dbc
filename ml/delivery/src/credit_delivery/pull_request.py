"""A pull request on GitHub for a branch that is pushed, made once. Knows the API, nothing of models.

Reads GITHUB_TOKEN, and as GitHub Actions sets them, GITHUB_API_URL and GITHUB_REPOSITORY.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from credit_delivery.errors import PullRequestError
from credit_delivery.repository import Repository

PUBLIC = "https://api.github.com"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class GitHub:
    """One repository there: `name` is owner/name."""

    api: str
    name: str
    token: str

    def open(self, branch: str, base: str, title: str, body: str) -> str:
        """The pull request of a branch, opened or, where it is open already, given this title and body; its address.

        Raises:
            PullRequestError: GitHub refuses or does not answer.
        """
        owner = self.name.partition("/")[0]
        query = urllib.parse.urlencode({"head": f"{owner}:{branch}", "base": base, "state": "open"})
        said = {"title": title, "body": body}
        if known := self._ask("GET", f"pulls?{query}"):
            found = self._ask("PATCH", f"pulls/{known[0]['number']}", said)
        else:
            found = self._ask("POST", "pulls", {**said, "head": branch, "base": base})
        return str(found["html_url"])

    def _ask(self, method: str, path: str, content: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the API's address is the caller's own
            f"{self.api}/repos/{self.name}/{path}",
            data=None if content is None else json.dumps(content).encode(),
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            why = f"{error.code}: {error.read(500).decode(errors='replace')}"
        except (OSError, ValueError) as error:
            why = str(error)
        raise PullRequestError(f"{method} {self.api}/repos/{self.name}/{path} failed: {why}; the branch is pushed")


def github(repository: Repository) -> GitHub | None:
    """Where the pull request goes; None without a token or for another kind of remote."""
    token = os.environ.get("GITHUB_TOKEN")
    if not token or not repository.has_remote():
        return None
    url = repository.git("remote", "get-url", "origin").strip()
    found = re.search(r"github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?$", url)
    name = os.environ.get("GITHUB_REPOSITORY") or (found[1] if found else None)
    return GitHub(os.environ.get("GITHUB_API_URL", PUBLIC), name, token) if name else None
