"""Runs the whole program for one stack without a cloud, a CLI or a plugin, and records what it asks for.

What a provider would refuse, and what Argo CD's manifest or a chart renders to, is not known here.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import mocks, rpc, set_all_config, settings

from credit_infra.constants import PROJECT

PROJECT_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One resource as the program asked for it; property names are the engine's (camelCase)."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    """Name of the component it belongs to; empty at the top."""
    provider: str
    """`type name` of the provider that makes it; empty for components."""
    protect: bool
    retain: bool
    depends_on: tuple[str, ...] = ()
    """`type name` of every resource that must exist before."""

    @property
    def key(self) -> str:
        """What tells resources of one stack apart."""
        return f"{self.type} {self.name}"


@dataclass(slots=True)
class Recording:
    """One run of the program: its resources by type and name, and the stack's outputs."""

    stack: str
    resources: list[Recorded] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, type_: str) -> Iterator[Recorded]:
        """The resources of one type."""
        return (resource for resource in self.resources if resource.type == type_)

    def one(self, type_: str, name: str) -> Recorded:
        """The resource of this type and name."""
        return next(resource for resource in self.of(type_) if resource.name == name)


class Cloud(mocks.Mocks):
    """Answers as the cloud would, as far as the program reads answers."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The inputs again, with an id and an ARN that name the resource, and what only the cloud knows."""
        kind = args.typ.split(":")[-1]
        state: dict[str, Any] = {"name": f"{args.name}-0123456", "arn": f"arn:aws:mock:{kind}/{args.name}"}
        answers = {key: _joined(args.inputs.get(key), answer) for key, answer in ANSWERS.get(kind, {}).items()}
        return f"{kind}/{args.name}", state | args.inputs | answers

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """The program asks the cloud nothing, so that a preview needs no rights in it."""
        raise NotImplementedError(f"the program called {args.token}: pass the value by configuration instead")


ANSWERS: dict[str, dict[str, Any]] = {
    "Cluster": {
        "endpoint": "https://cluster.example",
        "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
        "vpcConfig": {"clusterSecurityGroupId": "sg-cluster"},
    },
    "Instance": {"address": "database.example", "masterUserSecrets": [{"secretArn": "arn:aws:mock:Secret/master"}]},
    "Key": {"keyId": "key"},
    "LaunchTemplate": {"latestVersion": 1},
    "NodeGroup": {"resources": [{"autoscalingGroups": [{"name": "asg"}]}]},
    "Workspace": {"prometheusEndpoint": "https://metrics.example/", "endpoint": "grafana.example"},
    "Repository": {"repositoryUrl": "registry.example/image"},
}


def _joined(asked: Any, answer: Any) -> Any:
    return {**asked, **answer} if isinstance(asked, dict) and isinstance(answer, dict) else answer


class Monitor(mocks.MockMonitor):
    """Pulumi's own stand-in for the engine, which also keeps what mocks are not told: parents and options."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(Cloud())
        self._recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        """Record the request, then answer it."""
        if request.type != "pulumi:pulumi:Stack":
            self._recording.resources.append(
                Recorded(
                    type=request.type,
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object),
                    parent="" if "pulumi:pulumi:Stack::" in request.parent else request.parent.split("::")[-1],
                    provider=_key(request.provider.rpartition("::")[0]) if request.provider else "",
                    protect=request.protect,
                    retain=request.retainOnDelete,
                    depends_on=tuple(sorted(_key(urn) for urn in request.dependencies)),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def _key(urn: str) -> str:
    _, _, types, name = urn.split("::", 3)
    return f"{types.split('$')[-1]} {name}"


def record(stack: str, program: Callable[[], object] | None = None, *, preview: bool = False) -> Recording:
    """Run the program, or another one, as `stack`; with `preview`, ids are unknown as before the first `up`."""
    config = yaml.safe_load((PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    config[f"{PROJECT}:gitops"]["manifest"] = str(PROJECT_ROOT / "recorded-manifest.yaml")
    return record_with(stack, config, program or run_main, preview=preview)


def run_main() -> None:
    """The program as Pulumi runs it."""
    runpy.run_path(str(PROJECT_ROOT / "__main__.py"), run_name="__main__")


def record_with(stack: str, config: Mapping[str, Any], program: Callable[[], object], *, preview: bool) -> Recording:
    """Run `program` with this configuration; an error of the program is raised here."""
    recording = Recording(stack)
    # A stack that ran before in this process would stay the root of this one.
    settings.reset_options()
    mocks.set_mocks(Cloud(), project=PROJECT, stack=stack, preview=preview, monitor=Monitor(recording))
    set_all_config({key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()})

    def run() -> pulumi.Output[None]:
        program()
        root = settings.get_root_resource()
        return pulumi.Output.from_input(getattr(root, "outputs", {})).apply(recording.outputs.update)

    pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]
    # Resources register as their inputs resolve, in an order that differs from run to run.
    recording.resources.sort(key=lambda resource: resource.key)
    return recording
