import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from credit_delivery import programs
from credit_delivery.supply_chain import licences, locks, resolution
from credit_delivery.supply_chain.__main__ import main

from .workflows import ROOT

LOCK = """\
-e ml/contract
Some.Package==1.2.3 ; sys_platform == 'linux' \\
    --hash=sha256:{one} \\
    --hash=sha256:{two}
other[extra]==4.5
""".format(one="1" * 64, two="2" * 64)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one lock, with one package that says its licence."""
    (tmp_path / "requirements.lock").write_text(LOCK)
    install(tmp_path, "some-package", "License-Expression: MIT")
    programs.run(["git", "init", "--quiet"], folder=tmp_path)
    programs.run(["git", "add", "requirements.lock"], folder=tmp_path)
    person = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    programs.run(["git", *person, "commit", "--quiet", "-m", "Lock"], folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def install(root: Path, name: str, licence: str) -> None:
    folder = root / f".venv-infra/lib/python3.11/site-packages/{name}-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{licence}\n")


def refused(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1


def rules(**changes: Any) -> licences.Policy:
    empty = {"allowed": ["MIT", "Apache-2.0"], "spellings": {"MIT License": "MIT"}, "known": {}, "accepted": []}
    return licences.Policy.model_validate(empty | changes)


def test_a_bill_names_every_package_with_version_licence_and_hashes(checkout: Path) -> None:
    main(["sbom"])
    bill = json.loads((checkout / "var/sbom/credit-platform.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3"
    whole, *parts = bill["packages"]
    found = {part["name"]: part for part in parts}
    assert {name: part["versionInfo"] for name, part in found.items()} == {"some-package": "1.2.3", "other": "4.5"}
    assert found["some-package"]["licenseDeclared"] == "MIT"
    assert found["other"]["licenseDeclared"] == "NOASSERTION"
    assert found["some-package"]["externalRefs"][0]["referenceLocator"] == "pkg:pypi/some-package@1.2.3"
    assert "1" * 64 in found["some-package"]["comment"]
    depends = {line["relatedSpdxElement"] for line in bill["relationships"] if line["spdxElementId"] == whole["SPDXID"]}
    assert depends == {part["SPDXID"] for part in parts}


def test_a_bill_of_the_same_commit_has_the_same_bytes(checkout: Path) -> None:
    path = checkout / "var/sbom/credit-platform.spdx.json"
    main(["sbom"])
    first = path.read_bytes()
    main(["sbom"])
    assert path.read_bytes() == first


def test_identifiers_of_a_bill_are_of_spdxs_form_and_unique(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text((ROOT / "requirements.lock").read_text())
    main(["sbom"])
    bill = json.loads((checkout / "var/sbom/credit-platform.spdx.json").read_text())
    identifiers = [part["SPDXID"] for part in bill["packages"]]
    assert len(set(identifiers)) == len(identifiers)
    assert [one for one in identifiers if not re.fullmatch(r"SPDXRef-[a-zA-Z0-9.-]+", one)] == []


DOCKERFILES = [
    path
    for path in map(ROOT.joinpath, programs.run(["git", "ls-files"], folder=ROOT).split())
    if path.name == "Dockerfile"
]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_installs_nothing_whose_hash_it_does_not_know(dockerfile: Path) -> None:
    text = dockerfile.read_text().replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?install [^&\n]+", text)
    assert [one for one in installs if "--require-hashes" not in one and "--no-index" not in one] == []
    named = re.findall(r"source=([\w./-]+\.lock)", text)
    assert bool(named) == bool(installs)
    for name in named:
        packages = locks.read(ROOT, Path(name)).packages
        assert [package.name for package in packages if not package.hashes] == [], name


def test_every_lock_is_one_that_make_lock_writes() -> None:
    written = {*resolution.UNHASHED, *resolution.IMAGES}
    assert {lock.path for lock in locks.read_all(ROOT)} == written
    assert [
        str(lock.parent / source)
        for lock, source in resolution.IMAGES.items()
        if not (ROOT / lock.parent / source).exists()
    ] == []


@pytest.mark.parametrize(
    "lock", [lock for lock, source in resolution.IMAGES.items() if source == "pyproject.toml"], ids=str
)
def test_an_image_has_the_versions_that_tests_ran_on(lock: Path) -> None:
    tested = {package.name: package.version for package in locks.read(ROOT, resolution.TESTED).packages}
    assert {
        one.name: one.version for one in locks.read(ROOT, lock).packages if one.version != tested.get(one.name)
    } == {}


def test_licences_of_everything_locked_here_are_allowed_or_accepted() -> None:
    every, policy = locks.read_all(ROOT), licences.policy()
    packages = {package for lock in every for package in lock.packages}
    assert licences.faults(every, licences.licences(packages, licences.installed(ROOT), policy), policy) == []


def test_no_service_carries_what_only_training_may() -> None:
    proprietary = {"nvidia-*", "cuda-toolkit"}
    accepted = [one for one in licences.policy().accepted if one.packages in proprietary]
    assert {one.packages for one in accepted} == proprietary
    for lock in locks.read_all(ROOT):
        if lock.name.startswith("services-"):
            assert [package for package in lock.packages for one in accepted if one.fits(package.name)] == [], lock.name


def test_a_licence_that_nobody_allowed_or_said_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "requirements.lock").write_text("strict==1\nsilent==1\n")
    install(checkout, "strict", "License-Expression: AGPL-3.0-only")
    refused("licences")
    said = capsys.readouterr().err
    assert "strict: AGPL-3.0-only is not allowed" in said
    assert "silent: says no licence" in said


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND Apache-2.0", True),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", False),
    ],
)
def test_an_expression_is_allowed_as_its_words_say(expression: str, allowed: bool) -> None:
    assert (rules().fault("a", expression) is None) == allowed


def test_a_licence_is_accepted_for_the_packages_that_the_decision_is_about() -> None:
    policy = rules(accepted=[{"packages": "nv-*", "licences": ["Theirs"], "why": "needed"}])
    assert policy.fault("nv-one", "Theirs") is None
    assert policy.fault("nv-one", "GPL-3.0-only")
    assert policy.fault("other", "Theirs")


def test_a_decision_about_a_package_that_is_gone_must_go_too() -> None:
    lock = locks.Lock("a", Path("requirements.lock"), (locks.Package("here", "1"),))
    policy = rules(known={"gone": "MIT"}, accepted=[{"packages": "past-*", "licences": ["X"], "why": "was needed"}])
    faults = licences.faults([lock], {"here": "MIT"}, policy)
    assert [fault.split(":")[0] for fault in faults] == ["gone", "past-*"]


@dataclass
class Source:
    """What a stand-in of OSV's published API (google.github.io/osv.dev/api) answers, by package."""

    address: str = ""
    pages: dict[str, list[dict[str, Any]]] = field(
        # Its advisories are as old as anybody's.
        default_factory=lambda: {"jinja2": [{"vulns": [advisory("GHSA-old")]}]}
    )
    status: int = 200

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        assert question["package"]["ecosystem"] == "PyPI"
        pages = self.pages.get(question["package"]["name"], [{}])
        return pages[int(question.get("page_token", 0))]


@pytest.fixture
def source(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """It, named by the environment, for a checkout of two packages."""
    assert checkout.exists()
    held = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(held.answer(question)).encode()
            self.send_response(held.status if self.path == "/v1/query" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        held.address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("ADVISORY_SOURCE", held.address)
        yield held
        server.shutdown()
        thread.join()


def advisory(number: str, severity: str | None = "HIGH", fixed: str | None = "4.6", **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {"package": {"name": "other", "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    rated = {"database_specific": {"severity": severity}} if severity else {}
    return {"id": number, "affected": [affected], **rated, **more}


@pytest.mark.usefixtures("checkout")
def test_without_an_advisory_source_nothing_was_scanned_and_that_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ADVISORY_SOURCE", raising=False)
    refused("scan")
    said = capsys.readouterr()
    assert "not scanned" in said.err
    assert said.out == ""


def test_a_source_that_fails_is_not_a_clean_bill(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    source.status = 503
    refused("scan")
    assert "not scanned" in capsys.readouterr().err


def test_a_source_that_knows_nothing_at_all_is_not_a_clean_bill(
    source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    source.pages.clear()
    refused("scan")
    said = capsys.readouterr()
    assert "not scanned" in said.err
    assert "jinja2 2.4.1" in said.err
    assert said.out == ""


@pytest.mark.usefixtures("source")
def test_nothing_known_is_said_with_the_number_of_packages_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    main(["scan"])
    assert capsys.readouterr().out == "nothing known of 2 packages\n"


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL", None])
def test_a_hole_that_is_high_or_not_rated_and_can_be_fixed_fails(
    source: Source, capsys: pytest.CaptureFixture[str], severity: str | None
) -> None:
    source.pages["other"] = [{"vulns": [advisory("GHSA-1", severity)]}]
    refused("scan")
    assert "other 4.5: GHSA-1" in capsys.readouterr().err


@pytest.mark.parametrize("found", [advisory("GHSA-1", "LOW"), advisory("GHSA-1", "HIGH", fixed=None)])
def test_a_hole_that_is_mild_or_has_no_fix_is_shown_and_fails_nothing(
    source: Source, capsys: pytest.CaptureFixture[str], found: dict[str, Any]
) -> None:
    source.pages["other"] = [{"vulns": [found]}]
    main(["scan"])
    assert "GHSA-1" in capsys.readouterr().out


def test_later_pages_are_read_and_withdrawn_advisories_are_not_counted(
    source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    withdrawn = advisory("GHSA-0", withdrawn="2026-01-01T00:00:00Z")
    source.pages["other"] = [{"vulns": [withdrawn], "next_page_token": "1"}, {"vulns": [advisory("GHSA-2")]}]
    refused("scan")
    said = capsys.readouterr().err
    assert "GHSA-2" in said
    assert "GHSA-0" not in said


def test_licences_file_is_sorted_so_that_a_change_is_one_line() -> None:
    content = yaml.safe_load(licences.FILE.read_text())
    assert content["allowed"] == sorted(content["allowed"])
    assert list(content["known"]) == sorted(content["known"])
