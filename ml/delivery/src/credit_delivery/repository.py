"""A git repository: read at any commit, changed by commits of named files only. Knows git, nothing of environments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from credit_delivery.errors import CommandFailedError, RepositoryError
from credit_delivery.programs import run, succeeds

FIELD, RECORD = "\x1f", "\x1e"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit on the first-parent line; `time` is when it got there, `author` "Name <address>"."""

    sha: str
    time: datetime
    author: str
    message: str
    parents: tuple[str, ...]

    @property
    def merge(self) -> bool:
        """Whether a branch came in by it."""
        return len(self.parents) > 1

    def trailer(self, name: str) -> str | None:
        """The value of a line `name: value` of the message, the last one if there are more."""
        found = [line.partition(": ")[2] for line in self.message.splitlines() if line.startswith(f"{name}: ")]
        return found[-1] if found else None


class Repository:
    """The work tree at `root`; paths are text, relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(run(["git", "rev-parse", "--show-toplevel"], folder=root).strip())

    def git(self, *arguments: str) -> str:
        """Run git here; gives what it printed."""
        return run(["git", *arguments], folder=self.root, environment={"GIT_TERMINAL_PROMPT": "0"})

    def branch(self) -> str:
        """The branch that is checked out.

        Raises:
            RepositoryError: none is.
        """
        name = self.git("branch", "--show-current").strip()
        if not name:
            raise RepositoryError("no branch is checked out: `git switch` to the one that environments follow")
        return name

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def person(self) -> str:
        """Who commits here: "Name <address>"."""
        return self.git("var", "GIT_AUTHOR_IDENT").rpartition(">")[0] + ">"

    def uncommitted(self, *paths: str) -> list[str]:
        """Files that differ from the last commit, new ones too."""
        listed = self.git("status", "--porcelain", "--untracked-files=all", "--", *paths)
        return [line[3:] for line in listed.splitlines()]

    def read(self, path: str, revision: str = "HEAD") -> str | None:
        """A file's text at a commit, or None where it is not."""
        try:
            return self.git("show", f"{revision}:{path}")
        except CommandFailedError:
            # A commit that does not exist must not pass for a file that does not.
            self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
            return None

    def text(self, path: str, revision: str = "HEAD") -> str:
        """A file's text at a commit.

        Raises:
            RepositoryError: it is not there.
        """
        text = self.read(path, revision)
        if text is None:
            raise RepositoryError(f"{path} is not committed; is the application or environment spelt right?")
        return text

    def names(self, folder: str, revision: str = "HEAD") -> list[str]:
        """Paths of the files directly in a folder at a commit."""
        entries = (line.split(maxsplit=3) for line in self.git("ls-tree", revision, f"{folder}/").splitlines())
        return [path for _, kind, _, path in entries if kind == "blob"]

    def tracked(self, path: str, revision: str = "HEAD") -> list[str]:
        """Paths of all files below a folder at a commit; its own where it is no folder, such as a link."""
        return [entry for _, entry in self._tree(path, revision)]

    def links(self, path: str, revision: str = "HEAD") -> list[str]:
        """Which of those that are `tracked` are no files: links, and other repositories' commits."""
        return [entry for mode, entry in self._tree(path, revision) if not mode.startswith("100")]

    def _tree(self, path: str, revision: str) -> Iterator[tuple[str, str]]:
        """Mode and path of everything below a path at a commit."""
        for entry in self.git("ls-tree", "-r", "-z", revision, "--", path).split("\0")[:-1]:
            about, _, name = entry.partition("\t")
            yield about.split()[0], name

    def log(self, *paths: str, revision: str = "HEAD") -> list[Commit]:
        """First-parent commits that changed one of the paths, newest first."""
        form = FIELD.join(["%H", "%cI", "%an <%ae>", "%P", "%B"]) + RECORD
        listed = self.git("log", "--first-parent", f"--format={form}", revision, "--", *paths)
        return [_commit(entry.lstrip("\n")) for entry in listed.split(RECORD)[:-1]]

    def commit(self, message: str, files: Mapping[str, str], *changed: str) -> str:
        """Write `files`, commit them with those `changed` before, and nothing else; gives the commit.

        The same content as before makes no commit and gives the one that is there.
        """
        for path, text in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        paths = [*files, *changed]
        if self.uncommitted(*paths):
            self.git("add", "--", *paths)
            self.git("commit", "--quiet", "--message", message, "--", *paths)
        return self.head()

    def restore(self, path: str, revision: str) -> None:
        """Bring back a file byte for byte as it was, in index and work tree."""
        self.git("restore", f"--source={revision}", "--staged", "--worktree", "--", path)

    def has_remote(self) -> bool:
        """Whether there is a remote `origin`."""
        return succeeds(["git", "-C", str(self.root), "remote", "get-url", "origin"])

    def push(self, branch: str, *, force: bool = False) -> None:
        """Send a branch to `origin`.

        Raises:
            RepositoryError: origin does not take it, most often because somebody pushed before.
        """
        try:
            self.git("push", "--quiet", *(["--force"] if force else []), "origin", f"refs/heads/{branch}")
        except CommandFailedError as error:
            lines = error.output.splitlines()
            why = next((" ".join(line.split()) for line in lines if "rejected]" in line), lines[-1] if lines else "")
            raise RepositoryError(
                f"origin does not take {branch}: {why}; the commit stays here: fetch, and repeat the command on what "
                "is there now"
            ) from None

    @contextmanager
    def aside(self, branch: str) -> Iterator[Repository]:
        """A second work tree on a new branch from here, so that nothing is switched under the person's feet."""
        with tempfile.TemporaryDirectory(prefix="credit-release-") as folder:
            tree = Path(folder, "tree")
            self.git("worktree", "add", "--quiet", "-B", branch, str(tree), "HEAD")
            try:
                yield Repository(tree)
            finally:
                self.git("worktree", "remove", "--force", str(tree))


def _commit(entry: str) -> Commit:
    sha, time, author, parents, message = entry.split(FIELD)
    return Commit(sha, datetime.fromisoformat(time), author, message.strip(), tuple(parents.split()))
