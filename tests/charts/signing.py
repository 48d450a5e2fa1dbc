"""Stand-ins for an image registry and Sigstore's certificate authority: enough to sign an image without a network."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


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

    def sign(self, image: str, authority: "Authority", workflow: str, signed: str | None = None) -> None:
        """Put a workflow's signature beside an image, as cosign does; `signed` is what was signed, if another."""
        content = {
            "critical": {
                "identity": {"docker-reference": f"{self.address}/scoring-api"},
                "image": {"docker-manifest-digest": signed or image},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
        payload = json.dumps(content).encode()
        key = ec.generate_private_key(ec.SECP256R1())
        notes = {
            "dev.cosignproject.cosign/signature": base64.b64encode(
                key.sign(payload, ec.ECDSA(hashes.SHA256()))
            ).decode(),
            "dev.sigstore.cosign/certificate": pem(authority.certify(key, workflow)),
            "dev.sigstore.cosign/chain": pem(authority.certificate),
        }
        layer = ("application/vnd.dev.cosign.simplesigning.v1+json", payload, notes)
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


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    """A certificate authority that says, as Sigstore's does, which workflow holds a key."""

    NAME = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test"), x509.NameAttribute(NameOID.COMMON_NAME, "test")]
    )
    ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self._made(self.key, self.NAME, [(usage, True)])

    def certify(self, key: ec.EllipticCurvePrivateKey, workflow: str) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(workflow)])
        signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        issuer = x509.UnrecognizedExtension(self.ISSUER, b"https://token.actions.githubusercontent.com")
        return self._made(key, x509.Name([]), [(names, True), (signing, False), (issuer, False)])

    def trust(self) -> dict[str, Any]:
        """What tells the policy controller of it."""
        chain = base64.b64encode(pem(self.certificate).encode()).decode()
        subject = {"organization": "test", "commonName": "test"}
        authority = {"subject": subject, "uri": "https://fulcio.example", "certChain": chain}
        return {
            "apiVersion": "policy.sigstore.dev/v1alpha1",
            "kind": "TrustRoot",
            "metadata": {"name": "test"},
            "spec": {"sigstoreKeys": {"certificateAuthorities": [authority]}},
        }

    def _made(
        self, key: ec.EllipticCurvePrivateKey, subject: x509.Name, extensions: list[tuple[x509.ExtensionType, bool]]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().issuer_name(self.NAME).subject_name(subject).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(hours=1))
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        return made.sign(self.key, hashes.SHA256())
