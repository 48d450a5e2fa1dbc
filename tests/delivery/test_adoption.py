import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from credit_delivery import adoption

ROOT = Path(__file__).parents[2]
VALUES = {
    "example/credit-platform": "bank/scoring",
    "ghcr.io/example/": "ghcr.io/bank/scoring/",
    "@example/credit-engineers": "@bank/engineers",
    "@example/risk-officers": "@bank/risk",
    "@example/platform-owners": "@bank/platform",
    "{type: Team, id: 1}": "{type: Team, id: 4711}",
    "{type: Team, id: 2}": "{type: Team, id: 4712}",
    '"actor_id": 1,': '"actor_id": 4713,',
    "111111111111": "135791357913",
    "222222222222": "246802468024",
}
"""The others have one that is made up here."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository, adopted."""
    root = tmp_path_factory.mktemp("adopted")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if Path(name).suffix != ".png" and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    entries = yaml.safe_load((root / adoption.SITE).read_text())
    for number, entry in enumerate(entries):
        entry["value"] = VALUES.get(entry["placeholder"], f"ours-{number}")
    (root / adoption.SITE).write_text(yaml.safe_dump(entries))
    assert adoption.fill_in(root)
    return root


def test_what_is_written_once_is_everywhere(filled: Path) -> None:
    assert adoption.unset(filled) == []
    assert adoption.fill_in(filled) == []
    owners = (filled / ".github/CODEOWNERS").read_text()
    assert set(re.findall(r"@\S+", owners)) == {"@bank/engineers", "@bank/risk", "@bank/platform"}
    for path in [*filled.glob("environments/*/*.yaml"), *filled.glob("infra/pulumi/Pulumi.*.yaml")]:
        accounts = set(re.findall(r"\b\d{12}\b", path.read_text()))
        assert accounts <= {"135791357913", "246802468024"}, path
        assert "example" not in "".join(line for line in path.read_text().splitlines() if "#" not in line), path


def test_what_is_filled_in_is_still_what_it_was(filled: Path) -> None:
    stack = yaml.safe_load((filled / "infra/pulumi/Pulumi.staging.yaml").read_text())["config"]
    assert stack["credit:account"] == "135791357913"
    assert stack["credit:continuousIntegration"]["repository"] == "bank/scoring"
    assert stack["credit:gitops"]["repository"] == "https://github.com/bank/scoring.git"
    values = yaml.safe_load((filled / "charts/scoring-api/values.yaml").read_text())
    assert values["cluster"]["registry"] == "ghcr.io/bank/scoring/"
    environments = yaml.safe_load((filled / ".github/settings.yml").read_text())["environments"]
    assert {one["id"] for found in environments for one in found.get("reviewers", [])} == {4711, 4712}


def test_every_placeholder_stands_for_something() -> None:
    listed = "\n".join(adoption.unset(ROOT))
    assert [
        entry.placeholder for entry in adoption.read(ROOT) if not entry.value and entry.placeholder not in listed
    ] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- {placeholder: a, value: b}", "what"),
        ("- [", "site.yaml"),
        ('- {placeholder: a, value: "b\\nc", what: d}', "one"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    (tmp_path / adoption.SITE).write_text(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        adoption.main(["--check"])
    assert str(ended.value).startswith("site.yaml: ")
    assert said in str(ended.value)
    assert "\n" not in str(ended.value)
