import os
import shutil
import tarfile
from pathlib import Path

import pytest

from credit_delivery import programs
from credit_delivery.environments import model_file
from credit_delivery.supply_chain.__main__ import main

from .workflows import ROOT

PERSON = ["-c", "user.name=A", "-c", "user.email=a@example.com"]


def git(folder: Path, *arguments: str) -> str:
    return programs.run(["git", *PERSON, *arguments], folder=folder)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Charts, environments and Argo CD's files of this repository, committed in one of their own."""
    for name in ("argocd", "charts", "environments"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n- later\n\n## [1.2.3] - 2026-01-01\n- fixed\n"
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "--quiet", "-m", "All")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def _helm() -> None:
    if programs.find("helm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("helm is missing: `make tools`")


def refused(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1


@pytest.mark.usefixtures("_helm")
def test_a_changed_model_shows_in_the_manifests_of_its_environment_alone(checkout: Path) -> None:
    path = checkout / model_file("production")
    path.write_text(path.read_text().replace("unreleased", "model-7"))
    main(["manifests", "HEAD"])
    page = (checkout / "var/manifests.md").read_text()
    added = [line for line in page.splitlines() if line.startswith("+ ") and "model-7" in line]
    assert added
    assert "<summary>production/scoring-api" in page
    assert "<summary>platform/admission" in page
    assert "<summary>staging/" not in page


@pytest.mark.usefixtures("_helm")
def test_a_wider_fence_shows_in_the_manifests(checkout: Path) -> None:
    path = checkout / "argocd/bootstrap/templates/projects.yaml"
    path.write_text(path.read_text().replace("{group: batch, kind: Job}", '{group: "*", kind: "*"}'))
    main(["manifests", "HEAD"])
    page = (checkout / "var/manifests.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("+") and 'kind: "*"' in line]
    assert "<summary>bootstrap/staging" in page
    assert "<summary>bootstrap/production" in page


@pytest.mark.usefixtures("_helm")
def test_a_change_that_renders_the_same_says_so(checkout: Path) -> None:
    path = checkout / "environments/production/scoring-api.yaml"
    path.write_text(f"# Another word about it.\n{path.read_text()}")
    main(["manifests", "HEAD"])
    assert "Rendered manifests are those of" in (checkout / "var/manifests.md").read_text()


@pytest.mark.usefixtures("_helm")
def test_a_new_application_is_compared_with_nothing(checkout: Path) -> None:
    kept = (checkout / "charts/tracking").rename(checkout / "aside")
    git(checkout, "commit", "--quiet", "-am", "Without tracking")
    kept.rename(checkout / "charts/tracking")
    main(["manifests", "HEAD"])
    assert "<summary>staging/tracking: +" in (checkout / "var/manifests.md").read_text()


@pytest.mark.usefixtures("_helm")
def test_what_does_not_render_is_an_error(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "environments/staging/tracking.yaml").write_text("mispelt: 1\n")
    refused("manifests", "HEAD")
    assert "helm template tracking" in capsys.readouterr().err


@pytest.mark.usefixtures("_helm")
def test_a_release_has_its_notes_and_every_chart_in_its_version(checkout: Path) -> None:
    main(["release-files", "v1.2.3"])
    folder = checkout / "var/release"
    assert (folder / "notes.md").read_text() == "- fixed\n"
    packages = {path.name for path in folder.glob("*.tgz")}
    assert packages == {f"{path.parent.name}-1.2.3.tgz" for path in (checkout / "charts").glob("*/Chart.yaml")}
    with tarfile.open(folder / "scoring-api-1.2.3.tgz") as package:
        assert "scoring-api/values.schema.json" in package.getnames()


@pytest.mark.parametrize("version", ["v1.2.4", "1.2.3", "v1.2"])
def test_a_version_without_notes_or_of_another_form_is_refused(checkout: Path, version: str) -> None:
    refused("release-files", version)
    assert not (checkout / "var/release").exists()
