"""Makes this repository somebody's own: what only they know, from `site.yaml`, goes where a placeholder stands for it.

Knows no placeholder itself, and not whether a value is right: whoever reads the file that it goes to says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError
from yaml import YAMLError

from credit_contract.schema import Frozen
from credit_delivery.errors import DeliveryError, ReleaseError
from credit_delivery.programs import run

SITE = Path("site.yaml")


class Unknown(Frozen):
    """One thing that is not known yet: the text that stands for it, what it is, and the value once there is one."""

    placeholder: str
    value: str
    what: str


def read(root: Path) -> list[Unknown]:
    """The entries of `site.yaml`, longer placeholders first: one may be a part of another.

    Raises:
        ReleaseError: it is not of that form, or a value cannot be put in a line.
    """
    try:
        content = yaml.safe_load((root / SITE).read_text(encoding="utf-8"))
        entries = sorted(map(Unknown.model_validate, content), key=lambda entry: -len(entry.placeholder))
    except (OSError, YAMLError, ValidationError) as error:
        raise ReleaseError(f"{SITE}: {' '.join(str(error).split())[:200]}") from None
    for entry in entries:
        if "\n" in entry.value:
            raise ReleaseError(f"{SITE}: the value of {entry.placeholder} has more than one line; write it as one")
    return entries


def fill_in(root: Path) -> list[str]:
    """Put every value in the place of its placeholder; gives the paths of files that changed."""
    given = [entry for entry in read(root) if entry.value]
    changed = []
    for path, text in _texts(root):
        filled = text
        for entry in given:
            filled = filled.replace(entry.placeholder, entry.value)
        if filled != text:
            (root / path).write_text(filled, encoding="utf-8")
            changed.append(str(path))
    return changed


def unset(root: Path) -> list[str]:
    """A line for each placeholder that still stands somewhere, with the first place and how many more there are."""
    entries = read(root)
    places: dict[str, list[str]] = {entry.placeholder: [] for entry in entries}
    for path, text in _texts(root):
        for number, line in enumerate(text.splitlines(), start=1):
            if path.parts[0] == "tests":
                continue
            for entry in entries:
                if entry.placeholder in line:
                    places[entry.placeholder].append(f"{path}:{number}")
                    line = line.replace(entry.placeholder, "")
    return [
        f"{entry.placeholder}  {entry.what}; {found[0]}" + (f" and {len(found) - 1} more" if found[1:] else "")
        for entry in entries
        if (found := places[entry.placeholder])
    ]


def _texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file of git's that may hold a placeholder: not code, whose examples are examples, but its tests."""
    for name in run(["git", "ls-files"], folder=root).splitlines():
        path = Path(name)
        code = path.suffix == ".py" and path.parts[0] != "tests"
        if code or path == SITE or path.suffix in {".lock", ".png", ".svg"} or not (root / path).is_file():
            continue
        yield path, (root / path).read_text(encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m credit_delivery.adoption [--check]`; with --check nothing is written, and anything unset is code 1."""
    check = (sys.argv[1:] if arguments is None else arguments) == ["--check"]
    try:
        changed, missing = [] if check else fill_in(Path()), unset(Path())
    except DeliveryError as error:
        sys.exit(str(error))
    print("\n".join([*(f"{path}: filled in" for path in changed), *missing]))
    print(f"{len(missing)} placeholders are unset" if missing else "nothing is unset")
    sys.exit(1 if check and missing else 0)


if __name__ == "__main__":
    main()
