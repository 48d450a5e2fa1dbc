"""Writes tests/charts/schemas/ anew: strict JSON schemas of the kinds that our charts use, Kubernetes' and custom.

kubectl get --raw /openapi/v2 > openapi.json
python tests/charts/extract_schemas.py openapi.json argocd.yaml crds/*.yaml
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).with_name("schemas")
KINDS = {
    ("", "v1"): ["ConfigMap", "PersistentVolumeClaim", "Service", "ServiceAccount"],
    ("admissionregistration.k8s.io", "v1"): [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ],
    ("apps", "v1"): ["Deployment", "StatefulSet"],
    ("autoscaling", "v2"): ["HorizontalPodAutoscaler"],
    ("batch", "v1"): ["CronJob", "Job"],
    ("networking.k8s.io", "v1"): ["Ingress", "NetworkPolicy"],
    ("policy", "v1"): ["PodDisruptionBudget"],
    ("rbac.authorization.k8s.io", "v1"): ["Role", "RoleBinding"],
}
# A plain `=` in prose is a type of its own to PyYAML, and text to everybody else.
yaml.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value), yaml.SafeLoader)
CUSTOM = {"AppProject", "ApplicationSet", "ClusterImagePolicy", "PrometheusRule", "ServiceMonitor"}
KEPT = {
    "type",
    "items",
    "enum",
    "required",
    "minimum",
    "maximum",
    "pattern",
    "minItems",
    "maxItems",
    "additionalProperties",
}


def main(openapi: Path, manifests: list[Path]) -> None:
    definitions = json.loads(openapi.read_text())["definitions"]
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            if kind["kind"] in KINDS.get((kind["group"], kind["version"]), []):
                write(kind["kind"], kind["group"], kind["version"], closed(name, definitions))
    for document in (part for path in manifests for part in yaml.safe_load_all(path.read_text()) if part):
        if document["kind"] == "CustomResourceDefinition" and document["spec"]["names"]["kind"] in CUSTOM:
            spec = document["spec"]
            for version in spec["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
                schema["properties"]["metadata"] = {"type": "object"}
                write(spec["names"]["kind"], spec["group"], version["name"], schema)


def closed(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A definition with all that it refers to, and nothing else."""
    needed, found = [name], {}
    while needed:
        current = needed.pop()
        if current not in found:
            found[current] = strict(definitions[current])
            needed += references(found[current])
    return {"$ref": f"#/definitions/{name}", "definitions": dict(sorted(found.items()))}


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
    return own + [name for value in node.values() for name in references(value)]


def strict(node: dict[str, Any]) -> dict[str, Any]:
    """The schema without prose, refusing unknown keys wherever the keys are known."""
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    kept: dict[str, Any] = {key: value for key, value in node.items() if key in KEPT}
    if "items" in kept:
        kept["items"] = strict(kept["items"])
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = strict(kept["additionalProperties"])
    if "properties" in node:
        kept["properties"] = {key: strict(value) for key, value in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            kept.setdefault("additionalProperties", False)
    return kept


def write(kind: str, group: str, version: str, schema: dict[str, Any]) -> None:
    path = SCHEMAS / f"{kind.lower()}-{group.partition('.')[0] + '-' if group else ''}{version}.json"
    path.write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
