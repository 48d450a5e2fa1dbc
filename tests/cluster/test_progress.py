from pathlib import Path

import pytest

from credit_delivery.cluster.progress import step
from credit_delivery.errors import ClusterError, RefusedError
from credit_delivery.programs import run


def test_a_failed_program_s_own_words_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClusterError) as failed, step("images"):
        run(["sh", "-c", "echo first; echo the cause; exit 3"])
    error, more = str(failed.value).split("\n  more: ")
    assert "ended with 3: the cause" in error
    assert run(more.split()) == "first\nthe cause\n"


def test_a_step_on_the_cluster_names_the_command_that_asks_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClusterError, match="more: kubectl describe pods"), step("Argo CD", "kubectl describe pods"):
        run(["false"])
    assert not list(tmp_path.iterdir())


def test_an_error_that_says_all_itself_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RefusedError, match="a gate failed"), step("released models"):
        raise RefusedError("taiwan-1", ["a gate failed"])
    with step("the next"):
        pass
    said = capsys.readouterr().out
    assert "✓ released models" not in said
    assert "✓ the next" in said
