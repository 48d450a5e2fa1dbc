import base64
import fnmatch
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from credit_delivery import programs

from .rendering import ROOT, containers, pod_template, run, workloads
from .test_admission import rendered

REPOSITORY = "https://github.com/example/credit-platform"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
needs_tester = pytest.mark.skipif(
    programs.find("policy-tester") is None,
    reason="policy-tester is missing: build cmd/tester of github.com/sigstore/policy-controller",
)


def policy(*settings: str) -> Any:
    found = rendered(False, "--set", "signatures.required=true", *settings)
    (item,) = [item for item in found if item["kind"] == "ClusterImagePolicy"]
    return item


def test_signatures_are_asked_for_only_where_somebody_can_check_them() -> None:
    assert "ClusterImagePolicy" not in {item["kind"] for item in rendered(False)}


def test_every_image_of_production_must_be_signed() -> None:
    (glob,) = [image["glob"] for image in policy()["spec"]["images"]]
    images = {
        container["image"].partition("@")[0].rpartition(":")[0]
        for target, found in workloads()
        if target.environment == "production" and not target.kind
        for container in containers(pod_template(found))
    }
    assert {image.rpartition("/")[2] for image in images} > {"scoring-api", "credit-model", "credit-training"}
    assert [
        image for image in images if not fnmatch.fnmatchcase(image, glob) or image.count("/") != glob.count("/")
    ] == []


def signing_workflows() -> set[str]:
    """Those with a step that signs, by itself or by what it calls."""
    signs = re.compile(r"run: make (sign|publish-models)\b")
    return {path.name for path in (ROOT / ".github/workflows").glob("*.yml") if signs.search(path.read_text())}


def test_who_signs_is_who_is_believed() -> None:
    (authority,) = policy()["spec"]["authorities"]
    (identity,) = authority["keyless"]["identities"]
    believed = re.compile(identity["subjectRegExp"])
    workflows = f"{REPOSITORY}/.github/workflows"
    assert len(signing_workflows()) == 2
    for name in signing_workflows():
        assert believed.fullmatch(f"{workflows}/{name}@refs/heads/main")
        assert not believed.fullmatch(f"{workflows}/{name}@refs/heads/other")
        assert not believed.fullmatch(f"{workflows}/{name}@refs/pull/1/merge")
    assert not believed.fullmatch(f"{workflows}/check.yml@refs/heads/main")
    assert not believed.fullmatch(f"{REPOSITORY}-fork/.github/workflows/image.yml@refs/heads/main")


class Registry:
    """An image registry as far as signatures need one: manifests and blobs, kept in memory."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        registry = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                *_, kind, name = self.path.split("/")
                held = {"manifests": registry.manifests, "blobs": registry.blobs}.get(kind, {"": b"{}"})
                body = held.get(name)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", MANIFEST if kind == "manifests" else "application/octet-stream")
                self.send_header("Content-Length", str(len(body or b"")))
                if body is not None:
                    self.send_header("Docker-Content-Digest", digest(body))
                self.end_headers()
                if self.command == "GET" and body is not None:
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the name that HTTPServer calls

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def push(self, tag: str, layers: list[tuple[str, bytes, dict[str, str]]], about: dict[str, Any]) -> str:
        """Keep an image; gives its digest."""
        config = json.dumps(about).encode()
        described = [self._blob(media, content) | {"annotations": notes} for media, content, notes in layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob("application/vnd.oci.image.config.v1+json", config),
            "layers": described,
        }
        body = json.dumps(manifest).encode()
        self.manifests[tag] = self.manifests[digest(body)] = body
        return digest(body)

    def image(self, tag: str) -> str:
        """An image with nothing in it; gives its digest."""
        about = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"tag": tag}},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
        return self.push(tag, [], about)

    def sign(self, image: str, key: ec.EllipticCurvePrivateKey, signed: str | None = None) -> None:
        """Put a signature beside an image, as cosign does; `signed` is what it is a signature of, if of another."""
        content = {
            "critical": {
                "identity": {"docker-reference": f"{self.address}/scoring-api"},
                "image": {"docker-manifest-digest": signed or image},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
        payload = json.dumps(content).encode()
        signature = base64.b64encode(key.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()
        layer = (
            "application/vnd.dev.cosign.simplesigning.v1+json",
            payload,
            {"dev.cosignproject.cosign/signature": signature},
        )
        about = {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(payload)]},
        }
        self.push(f"{image.replace(':', '-')}.sig", [layer], about)

    def _blob(self, media: str, content: bytes) -> dict[str, Any]:
        self.blobs[digest(content)] = content
        return {"mediaType": media, "size": len(content), "digest": digest(content)}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def judged(registry: Registry, image: str, folder: Path) -> str:
    """What the policy controller's own judge says against an image, empty when it lets it in.

    Keyless signatures need Sigstore; a key of our own takes the workflows' place.
    """
    asked = policy("--set", f"cluster.registry={registry.address}/")
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    asked["spec"]["authorities"] = [{"name": "key", "key": {"data": public.decode()}}]
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(asked))
    result = run(
        str(programs.find("policy-tester")), f"--policy={path}", f"--image={registry.address}/scoring-api@{image}"
    )
    return "" if result.returncode == 0 else result.stdout + result.stderr


@needs_tester
def test_a_signed_image_comes_in(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("one")
    registry.sign(image, KEY)
    assert judged(registry, image, tmp_path) == ""


@needs_tester
def test_an_unsigned_image_is_refused(registry: Registry, tmp_path: Path) -> None:
    assert "no signatures found" in judged(registry, registry.image("one"), tmp_path)


@needs_tester
def test_a_signature_by_another_key_is_refused(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("one")
    registry.sign(image, OTHER_KEY)
    assert "invalid signature" in judged(registry, image, tmp_path)


@needs_tester
def test_another_images_signature_is_refused(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("one")
    registry.sign(image, KEY, signed=registry.image("two"))
    assert "invalid or missing digest in claim" in judged(registry, image, tmp_path)
