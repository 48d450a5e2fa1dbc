"""What is generated from the recorded stacks: differences, pictures, pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from credit_infra.differences import Declared, between, declared, undeclared
from credit_infra.document import pages
from credit_infra.picture import COMPONENT, flowchart
from credit_infra.recording import Recording


def test_production_differs_from_staging_only_as_declared(recordings: Mapping[str, Recording]) -> None:
    neutral, meant = declared()
    found = between(recordings["staging"], recordings["production"], neutral)
    strangers, stale = undeclared(found, meant)
    assert strangers == []
    assert stale == []


def test_a_difference_that_nobody_declared_is_found(recordings: Mapping[str, Recording]) -> None:
    neutral, meant = declared()
    production = Recording("production", list(recordings["production"].resources))
    at = next(i for i, one in enumerate(production.resources) if one.name == "vpc" and one.type.endswith(":Vpc"))
    vpc = production.resources[at]
    production.resources[at] = replace(vpc, inputs={**vpc.inputs, "enableDnsSupport": False})
    strangers, _ = undeclared(between(recordings["staging"], production, neutral), meant)
    assert [(one.path, one.staging, one.production) for one in strangers] == [("enableDnsSupport", "true", "false")]


def test_a_declaration_that_no_longer_holds_is_found(recordings: Mapping[str, Recording]) -> None:
    neutral, meant = declared()
    old = Declared("aws:ec2/vpc:Vpc vpc", "cidrBlock", "once")
    _, stale = undeclared(between(recordings["staging"], recordings["production"], neutral), (*meant, old))
    assert stale == [old]


def test_the_picture_shows_every_component_and_no_circle(recordings: Mapping[str, Recording]) -> None:
    for recording in recordings.values():
        source = flowchart(recording)
        boxes = set(re.findall(r"^    (\w+)\[", source, flags=re.M))
        components = {one.name.replace("-", "_") for one in recording.resources if one.type.startswith(COMPONENT)}
        assert boxes == components
        arrows = re.findall(r"^    (\w+) --> (\w+)$", source, flags=re.M)
        assert {name for arrow in arrows for name in arrow} <= boxes
        assert ends(arrows, boxes)


def ends(arrows: list[tuple[str, str]], boxes: set[str]) -> bool:
    """Whether boxes can be taken away one by one, each when nothing leads to it any more."""
    left = set(boxes)
    while free := {box for box in left if not any(then == box and first in left for first, then in arrows)}:
        left -= free
    return not left


def test_the_picture_says_what_waits_for_what(recordings: Mapping[str, Recording]) -> None:
    source = flowchart(recordings["production"])
    arrows = (
        "network --> cluster",
        "cluster --> nodes",
        "nodes --> gitops",
        "cluster --> database",
        "encryption --> storage",
    )
    for arrow in arrows:
        assert arrow in source


def test_the_pages_are_up_to_date(recordings: Mapping[str, Recording]) -> None:
    stale = [path.name for path, text in pages(recordings).items() if path.read_text() != text]
    assert stale == [], "run `make docs-infra`"
