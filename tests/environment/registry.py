"""A registry of container images with one image in it, for what a daemon does when it fetches by digest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOCKER = "application/vnd.docker"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"
NAME = "errorpath-ci/pinned"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Registry:
    """One image: its ``digest``, ``manifest`` and ``blobs`` (by digest); and the paths it was ``asked`` for."""

    digest: str
    manifest: bytes
    blobs: dict[str, bytes]
    address: str = ""
    asked: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, image: Any) -> Registry:
        """With an image of the daemon's."""
        with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as saved:

            def read(name: str) -> bytes:
                member = saved.extractfile(name)
                assert member is not None
                return member.read()

            (found,) = json.loads(read("manifest.json"))
            config, layers = read(found["Config"]), [read(name) for name in found["Layers"]]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _part(f"{DOCKER}.container.image.v1+json", config),
            "layers": [_part(f"{DOCKER}.image.rootfs.diff.tar", layer) for layer in layers],
        }
        made = json.dumps(manifest).encode()
        return cls(digest_of(made), made, {digest_of(blob): blob for blob in (config, *layers)})

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Type and content."""
        self.asked.append(path)
        kind, _, wanted = path.removeprefix(f"/v2/{NAME}/").partition("/")
        if kind == "manifests":
            return MANIFEST, self.manifest
        if kind == "blobs" and wanted in self.blobs:
            return "application/octet-stream", self.blobs[wanted]
        return ("application/json", b"{}") if path == "/v2/" else None


def _part(type_: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": type_, "size": len(content), "digest": digest_of(content)}


@contextmanager
def serving(registry: Registry) -> Iterator[None]:
    """On a port of this machine, which Docker asks without TLS."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found = registry.answer(self.path)
            type_, content = found or ("application/json", b"{}")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", type_)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD = answer  # noqa: N815  the base class looks for these names

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
