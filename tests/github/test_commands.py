"""Every `run:` step is something that a person can type here: a target of the Makefile or a project command."""

import pytest

from tests.repository.command_lines import OURS, fault

from .workflows import commands

EACH = pytest.mark.parametrize(
    ("where", "command"), commands(), ids=[f"{where}: {command[:40]}" for where, command in commands()]
)


@EACH
def test_a_step_is_one_command_of_this_project(where: str, command: str) -> None:
    assert "${{" not in command, "an expression in a command lets its value become code; pass it by env"
    assert OURS.match(command), where
    assert fault(command) == "", where
