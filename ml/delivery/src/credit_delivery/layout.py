"""What lies where below `environments/`: Argo CD reads a folder by its name, so a pin elsewhere would run unjudged.

Knows folders, links and whose facts a file has; does not know whether what a pin names is any good.
"""

from __future__ import annotations

import yaml

from credit_delivery.environments import ENVIRONMENTS, Name, facts_file, folder, subject
from credit_delivery.repository import Repository

ROOT = "environments"
FACTS = ("name", "cluster", "namespace", "sync", "frozen")
"""All that `environment.yaml` may say: Argo CD would take any other key of an ApplicationSet's template from it too."""


def faults(repository: Repository, base: str) -> list[str]:
    """Whatever could let run what no environment pins, or no longer run what one pinned at the commit `base`."""
    here, before = repository.tracked(ROOT), repository.tracked(ROOT, base)
    found = [f"{path} is a link: commit the file itself" for path in repository.links(ROOT)]
    found += [
        f"{path} is in no environment's folder: pins are in {' and '.join(map(folder, ENVIRONMENTS))} only"
        for path in here
        if subject(path) and not _in_place(path)
    ]
    gone = [path for path in before if subject(path) and _in_place(path) and path not in here]
    found += [f"{path} is gone: put it back, with what shall run" for path in gone]
    for environment in ENVIRONMENTS:
        found += _false_facts(repository.read(facts_file(environment)), environment)
    return found


def _in_place(path: str) -> bool:
    return path.rpartition("/")[0] in map(folder, ENVIRONMENTS)


def _false_facts(text: str | None, environment: Name) -> list[str]:
    path = facts_file(environment)
    try:
        facts = yaml.safe_load(text or "")
    except yaml.YAMLError:
        facts = None
    if not isinstance(facts, dict):
        return [f"{path} is missing or broken: the keys {', '.join(FACTS)} are needed"]
    wrong = [key for key in ("name", "namespace") if facts.get(key) != environment]
    found = [f"{path}: key {key}: its folder's name is needed, found {facts.get(key)!r}" for key in wrong]
    return found + [f"{path}: key {key} is no fact of an environment: take it out" for key in facts if key not in FACTS]
