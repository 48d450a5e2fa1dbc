"""Every error that the infrastructure program raises itself."""

import pulumi


class InfraError(Exception):
    """Base of all: one line that says what was wrong, where, and what to do."""


class ConfigError(InfraError, pulumi.RunError):
    """A stack's configuration that is refused; names the file and the key. Pulumi prints it without a trace."""


class InstallError(InfraError, pulumi.RunError):
    """An Argo CD manifest that cannot be read, or is not the pinned one."""


class AnswerError(InfraError, pulumi.RunError):
    """A cloud that did not say what it always says."""


class DocumentError(InfraError):
    """A page that cannot be generated because a marker or a price is missing."""


def answered(value: str | None, what: str) -> str:
    """What the cloud answers and its types call optional; an empty one must not reach another resource."""
    if not value:
        raise AnswerError(f"AWS gave no {what}: look at the resource in its console, then run `pulumi refresh`")
    return value
