"""The settings file and its overrides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scoring_api import settings
from scoring_api.errors import SettingsError

README = Path(__file__).parents[2] / "services/scoring-api/README.md"


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("port: 9000\nlimits:\n  max_applicants: 5\n  max_body_bytes: 1000\n")
    chosen = settings.load(file, ["limits.max_applicants=7", "auth=none"])
    assert (chosen.port, chosen.auth) == (9000, "none")
    assert (chosen.limits.max_applicants, chosen.limits.max_body_bytes) == (7, 1000)


@pytest.mark.parametrize(
    ("text", "overrides", "words"),
    [
        ("prot: 1", [], "unknown setting prot; did you mean port"),
        ("limits: {max_aplicants: 1}", [], "limits.max_aplicants; did you mean limits.max_applicants"),
        ("", ["limits.max_bdy=1"], "command line: unknown setting limits.max_bdy"),
        ("", ["port=yes"], "setting port"),
        ("", ["limits=3"], "setting limits"),
        ("", ["port.x=3"], "port.x"),
        ("", ["port"], "key=value"),
        ("- a", [], "must be a mapping"),
        ("a: [", [], "is not YAML"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_key(
    tmp_path: Path, text: str, overrides: list[str], words: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=words) as refused:
        settings.load(file, overrides)
    assert "\n" not in str(refused.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent.yaml: No such file"):
        settings.load(tmp_path / "absent.yaml", [])


def test_the_readme_lists_every_setting_with_its_default() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    told = dict(re.findall(r"\| `([a-z_.]+)` \| (\S+) \| .", "\n".join(lines[lines.index("## Settings") :])))
    assert list(told) == list(settings.keys())
    for key, default in told.items():
        found: Any = settings.Settings()
        for name in key.split("."):
            found = getattr(found, name)
        words = {"None": "none", "": "empty", "True": "`true`"}
        assert default == words.get(str(found), f"`{found}`")
