from pathlib import Path

import pytest

from credit_delivery import tools
from credit_delivery.errors import ToolsMissingError

GO = """\
#!/bin/sh
# Go, as far as it is asked here: what is to be built becomes a file, a module that replaces its parts is refused.
case "$1 $2" in
"install "*policy-controller* | "install "*prometheus*) exit 1 ;;
"install "*) name=${2%@*} && touch "$GOBIN/${name##*/}" && chmod +x "$GOBIN/${name##*/}" ;;
"mod download") printf '{"Dir": "%s", "Version": "%s"}' "$SOURCE" "${4#*@}" ;;
"build -C") cd "$3" && test -d "$6" && touch "$5" && chmod +x "$5" ;;
esac
"""


APT = """\
#!/bin/sh
# Debian's, as far as it is asked here: only after an update it knows its packages, but for wrk.
case "$*" in
"update "*) touch "$SOURCE/known" ;;
"install -y -qq "*wrk*) echo "E: Unable to locate package wrk" >&2 && exit 100 ;;
"install -y -qq "*)
  test -f "$SOURCE/known" && shift 3 && for name; do touch "$BIN/$name" && chmod +x "$BIN/$name"; done ;;
esac
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Go and what no module brings, and nothing else."""
    path, source = tmp_path / "bin", tmp_path / "source"
    for tool in tools.TOOLS.values():
        (source / tool.folder).mkdir(parents=True, exist_ok=True)
    path.mkdir()
    named = [(tool.commands or (tool.name,))[0] for tool in tools.TOOLS.values() if not tool.module]
    for name in ("go", *named):
        (path / name).write_text(GO if name == "go" else "")
        (path / name).chmod(0o755)
    for name in ("sh", "touch", "chmod"):
        (path / name).symlink_to(f"/bin/{name}")
    (tmp_path / "var/tools").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("SOURCE", str(source))
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.usefixtures("bare")
def test_every_program_that_go_can_build_is_built_into_var() -> None:
    lines = tools.install()
    assert [line.split()[0] for line in lines] == [tool.name for tool in tools.TOOLS.values() if not tool.rarely]
    made = {path.name for path in Path("var/tools").iterdir()}
    assert made == {tool.name for tool in tools.TOOLS.values() if tool.module}


@pytest.mark.usefixtures("bare")
def test_only_what_is_asked_for_is_built() -> None:
    (line,) = tools.install(["helm"])
    assert line.split()[0] == "helm"
    assert [path.name for path in Path("var/tools").iterdir()] == ["helm"]
    with pytest.raises(ToolsMissingError, match="hlem: not known; the tools are actionlint"):
        tools.install(["hlem"])


def test_what_few_need_is_missed_by_those_alone(bare: Path) -> None:
    (bare / "pulumi").unlink()
    assert "pulumi" not in "".join(tools.install())
    with pytest.raises(ToolsMissingError, match=r"pulumi is missing: see https://www\.pulumi\.com"):
        tools.install(["pulumi"])


def test_what_cannot_be_had_is_named_with_where_it_is(bare: Path) -> None:
    (bare / "go").unlink()
    (bare / "docker").unlink()
    with pytest.raises(ToolsMissingError) as refused:
        tools.install()
    said = str(refused.value).splitlines()
    assert "docker is missing: see https://docs.docker.com/engine/install/" in said
    assert "helm is missing: `make tools` (needs Go), or see https://helm.sh/docs/intro/install/" in said


@pytest.mark.usefixtures("bare")
def test_what_go_cannot_build_is_named_with_what_go_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE", "/nowhere")
    with pytest.raises(ToolsMissingError) as refused:
        tools.install(["promtool"])
    missing, why = str(refused.value).splitlines()
    assert missing.startswith("promtool is missing: ")
    assert why.startswith("promtool was not built: `go build ")
    assert "/nowhere" in why


@pytest.fixture
def debian(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with Debian's packages in reach, but no browser."""
    (bare / "apt-get").write_text(APT)
    (bare / "apt-get").chmod(0o755)
    (bare / "chromium").unlink()
    monkeypatch.setenv("BIN", str(bare))
    return bare


@pytest.mark.parametrize(("user", "installed"), [(0, True), (1000, False)])
def test_a_package_is_installed_for_root_and_named_to_others(
    debian: Path, monkeypatch: pytest.MonkeyPatch, user: int, installed: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    if installed:
        assert "chromium" in "".join(tools.install())
    else:
        with pytest.raises(ToolsMissingError, match="chromium is missing: `sudo apt-get install chromium`, or see "):
            tools.install()
    assert (debian / "chromium").exists() == installed


def test_another_browser_of_the_kind_will_do(debian: Path) -> None:
    (debian / "google-chrome").touch(0o755)
    (line,) = tools.install(["chromium"])
    assert line.endswith("google-chrome")


def test_a_package_that_cannot_be_had_is_named_with_what_apt_said(
    debian: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (debian / "wrk").unlink()
    with pytest.raises(ToolsMissingError) as refused:
        tools.install(["wrk"])
    missing, why = str(refused.value).splitlines()
    assert missing.startswith("wrk is missing: ")
    assert why.endswith("E: Unable to locate package wrk")


def test_every_module_is_pinned() -> None:
    assert [tool.name for tool in tools.TOOLS.values() if tool.module and "@v" not in tool.module] == []
