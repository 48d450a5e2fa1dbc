import os
import shutil
import subprocess
import sys

import pytest

from credit_training import origin


@pytest.fixture
def checkout(tmp_path):
    """A repository with the module, a document and figures, and what the module says of its commit."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "CREDIT_"))}

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e", *arguments],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def said():
        asked = [sys.executable, "-c", "import origin; print(origin.commit())"]
        told = subprocess.run(asked, cwd=tmp_path / "ml", env=environment, check=True, capture_output=True, text=True)
        return told.stdout.strip()

    for name in ("ml/conf.yaml", "docs/figures/german.json", "MODEL_CARD.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    shutil.copy(origin.__file__, tmp_path / "ml")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    return tmp_path, git("rev-parse", "HEAD"), said


def test_a_refresh_of_the_cards_leaves_the_commit_clean(checkout):
    folder, head, said = checkout
    (folder / "docs/figures/german.json").write_text("{}")
    (folder / "MODEL_CARD.md").write_text("figures")
    assert said() == head


def test_changed_code_is_not_the_commit(checkout):
    folder, head, said = checkout
    (folder / "ml/conf.yaml").write_text("key: 1")
    assert said() == f"{head}-dirty"


def test_outside_of_a_checkout_the_commit_is_unknown(checkout):
    folder, _, said = checkout
    shutil.rmtree(folder / ".git")
    assert said() == "unknown"
