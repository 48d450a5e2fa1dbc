"""A small lender's repository: two environments, gates, real bundles with a hand-made graph, and a hold-out.

A program named docker stands in for Docker: it keeps what is built and gives it back.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from credit_contract.applicant import encode
from credit_contract.baseline import build
from credit_contract.bundle import DatasetVersion, Draft, write_bundle
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import Policy
from credit_contract.schema import FeatureSchema
from credit_delivery.holdout import Rebuild, source
from credit_delivery.promotion import merge, propose
from credit_delivery.record import ReleaseRecord
from credit_delivery.release import build as build_release
from credit_delivery.repository import Repository
from credit_training.dataset import DatasetSpec, load_dataset
from credit_training.holdout import write_holdout

PRODUCT = Path(__file__).parents[2]
APPROVER = "Ria Sk <ria@bank.example>"

LENDER = """
name: lender
title: A small lender
about: Made up for tests.
licence: CC0
citation: none
source: {kind: file, path: lender.csv}
target: {column: outcome, bad: [late], good: [paid], meaning: paid late}
fields:
  income: {kind: number, minimum: 0, maximum: 100, unit: kEUR, meaning: income, optional: true, reason: The income}
  amount: {kind: number, minimum: 0, maximum: 1000, unit: EUR, meaning: amount, reason: The amount}
  job: {kind: category, categories: [office, field], meaning: job, reason: The job}
  sex: {kind: category, role: protected, categories: [f, m], labels: {f: female, m: male}, meaning: sex, reason: Sex}
versions:
  v1: {summary: as published}
split: {kind: stratified, holdout: 0.5, seed: 7}
policy:
  version: lender-1
  base_score: 600
  base_odds: 20
  points_to_double: 40
  approve_below: 0.3
  decline_from: 0.6
  loss_given_default: 0.5
  exposure_field: amount
  bands: [{name: A, pd_below: 0.3}, {name: B, pd_below: 1}]
"""

GATES = """
gates:
  - {name: auc, figure: network.auc, minimum: 0.6, why: it must rank}
  - {name: sizes, figure: sizes.bundle_bytes, maximum: 1000000, why: it is copied into each pod}
  - {name: champion, figure: network.auc, against: champion.auc, minimum: -0.1, unless_missing: champion, why: as good}
"""

ENVIRONMENT = """\
# Facts, by people.
name: {name}
namespace: {name}
frozen: false  # the stop switch
"""
MODEL = """\
# Written by credit-release (promote, rollback), not by hand.
model:
  tag: unreleased   # a name in ml/releases
  modelDigest: "{zeros}"
  imageDigest: sha256:{zeros}
"""
IMAGE = """\
# Written by credit-release (bump, rollback), not by hand.
image:
  tag: unreleased
  digest: sha256:{zeros}
"""

DOCKER = """\
#!/bin/sh
# build: keep the bundle under its hash. push: give it a digest. run: put the bundle where the volume is.
store="$DOCKER_STORE"
for last; do :; done
case "$1" in
  build) id=$(sha256sum "$last/bundle/manifest.json" | cut -c1-64)
         test -d "$store/$id" || cp -r "$last/bundle" "$store/$id"
         echo "sha256:$id" ;;
  tag) echo "$2" > "$store/$(echo "$3" | tr '/:' '__')" ;;
  push) ;;
  image) echo "[\\"${last%:*}@sha256:$(printf pushed | sha256sum | cut -c1-64)\\"]" ;;
  run) for a; do case "$a" in *:/bundle) out="${a%:/bundle}" ;; esac; done
       test -d "$store/$last" || { echo "no such image" >&2; exit 1; }
       cp "$store/$last"/* "$out" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class World:
    """The repository, what is kept beside it, and the hold-out's file."""

    root: Path
    origin: Path
    holdout: Path
    dataset: DatasetVersion
    spec: DatasetSpec

    @property
    def repository(self) -> Repository:
        return Repository(self.root)

    @property
    def rebuild(self) -> Rebuild:
        return source(self.root, self.holdout)

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self, path: str, text: str, message: str = "By hand") -> str:
        self.write(path, text)
        self.git("add", "--", path)
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def commits(self) -> int:
        return int(self.git("rev-list", "--count", "HEAD"))

    def bundle(
        self, name: str, intercept: float = 0.0, slope: float = -2.0, schema: FeatureSchema | None = None
    ) -> Path:
        """PD = sigmoid(intercept + slope * (income - 50) / 25 + weight of the job)."""
        schema = schema or self.spec.feature_schema("v1")
        made = draft(schema, self.spec.policy_for(schema), self.dataset, intercept, slope)
        return write_bundle(made, self.root.parent / "bundles" / name).path

    def release(self, tag: str, intercept: float = 0.0, slope: float = -2.0) -> ReleaseRecord:
        return build_release(self.repository, tag, self.bundle(tag, intercept, slope), self.rebuild)

    def promote(self, environment, tag: str, approver: str = APPROVER) -> str:
        return merge(self.repository, propose(self.repository, environment, tag, self.rebuild), approver)


def make(folder: Path, bin_folder: Path) -> World:
    """A repository in which nothing is released yet."""
    (folder / "data").mkdir(parents=True)
    (folder / "data/lender.csv").write_text(lender_csv())
    (folder / "lender.yaml").write_text(LENDER)
    spec = load_dataset(str(folder / "lender.yaml"))
    data = write_holdout(spec, "v1", folder / "home", folder / "holdout.npz")
    dataset = DatasetVersion(name="lender", version="v1", sha256=data.sha256, holdout_sha256=data.holdout_sha256)
    docker = bin_folder / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    world = World(folder / "repository", folder / "origin.git", folder / "holdout.npz", dataset, spec)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(world.origin)], check=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(world.root)], check=True)
    world.git("config", "user.name", "Eng Ineer")
    world.git("config", "user.email", "eng@bank.example")
    zeros = "0" * 64
    for name in ("staging", "production"):
        world.write(f"environments/{name}/environment.yaml", ENVIRONMENT.format(name=name))
        world.write(f"environments/{name}/model.yaml", MODEL.format(zeros=zeros))
        world.write(f"environments/{name}/scoring-api.image.yaml", IMAGE.format(zeros=zeros))
        world.write(f"environments/{name}/scoring-api.yaml", "autoscaling:\n  minReplicas: 2\n")
    world.write("ml/training/conf/gates.yaml", GATES)
    world.write(".gitignore", "var/\n")
    shutil.copytree(PRODUCT / "ml/delivery/images/credit-model", world.root / "ml/delivery/images/credit-model")
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", "Begin")
    world.git("remote", "add", "origin", str(world.origin))
    return world


def moved(world: World, folder: Path) -> World:
    """A copy of a world in another folder."""
    shutil.copytree(world.root.parent, folder, dirs_exist_ok=True)
    copy = World(folder / "repository", folder / "origin.git", folder / "holdout.npz", world.dataset, world.spec)
    copy.git("remote", "set-url", "origin", str(copy.origin))
    return copy


def lender_csv(count: int = 600) -> str:
    rng = np.random.default_rng(3)
    lines = ["income,amount,job,sex,outcome"]
    for number in range(count):
        income, job = rng.uniform(0, 100), rng.integers(2)
        late = rng.random() < 1 / (1 + np.exp(2 * (income - 50) / 25 - 0.5 * job))
        cells = ["" if number % 20 == 3 else f"{income:.3f}", f"{rng.uniform(10, 900):.2f}", ("office", "field")[job]]
        lines.append(",".join([*cells, "fm"[rng.integers(2)], "late" if late else "paid"]))
    return "\n".join(lines) + "\n"


def draft(schema: FeatureSchema, policy: Policy, dataset: DatasetVersion, intercept: float, slope: float) -> Draft:
    model = graph(len(schema.number_fields), intercept, slope)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    rng = np.random.default_rng(1)
    rows = [
        {"income": float(rng.uniform(0, 100)), "job": str(rng.choice(["office", "field"]))}
        | {field.name: float(rng.uniform(10, 500)) for field in schema.number_fields if field.name != "income"}
        for _ in range(200)
    ]
    encoded = encode(schema, rows)
    (pd,) = session.run(["pd"], encoded.feed())
    target = (rng.random(200) < pd).astype(np.int8)
    baseline = build(schema, encoded, target, pd, policy.decisions(pd), np.ones(200))
    people = synthesise(schema, baseline, 30, seed=1)
    (golden,) = session.run(["pd"], encode(schema, people).feed())
    return Draft(
        dataset=dataset,
        commit="0" * 40,
        config_sha256="2" * 64,
        seeds={"training": 1},
        libraries={"numpy": "2"},
        model=bytes(model.SerializeToString()),
        schema=schema,
        policy=policy,
        baseline=baseline,
        golden=GoldenSet(applicants=tuple(people), pd=tuple(map(float, golden))),
        evaluation={"network": {"auc": 0.99}, "dataset": dataset.model_dump()},
    )


def graph(numbers: int, intercept: float, slope: float) -> onnx.ModelProto:
    """Missing income counts as 50; only income and job have a weight."""
    weights = np.zeros((numbers, 1), dtype=np.float32)
    weights[0] = slope / 25
    constants = {
        "middle": np.full(numbers, 50, dtype=np.float32),
        "weights": weights,
        "jobs": np.array([0.0, 0.0, 0.5], dtype=np.float32),
        "intercept": np.array(intercept - slope * 2, dtype=np.float32),
        "first": np.array(0, dtype=np.int64),
        "last_axis": np.array([1], dtype=np.int64),
    }
    node = helper.make_node
    nodes = [
        node("IsNaN", ["numbers"], ["missing"]),
        node("Where", ["missing", "middle", "numbers"], ["filled"]),
        node("MatMul", ["filled", "weights"], ["column"]),
        node("Squeeze", ["column", "last_axis"], ["linear"]),
        node("Gather", ["categories", "first"], ["code"], axis=1),
        node("Gather", ["jobs", "code"], ["of_job"]),
        node("Sum", ["linear", "of_job", "intercept"], ["logit"]),
        node("Sigmoid", ["logit"], ["pd"]),
    ]
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", numbers]),
        helper.make_tensor_value_info("categories", TensorProto.INT64, ["n", 1]),
    ]
    outputs = [helper.make_tensor_value_info("pd", TensorProto.FLOAT, ["n"])]
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "lender", inputs, outputs, kept)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
