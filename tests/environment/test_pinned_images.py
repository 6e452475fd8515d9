"""An image is what its digest says, or the run does not begin."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from harness.environment.chosen import Environment
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable

pytest.importorskip("testcontainers")
from docker.errors import ImageNotFound

from harness.environment.containers import IMAGES, _image
from tests.environment.registry import NAME, Registry, digest_of, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the daemon has a loopback of its own")


@pytest.fixture
def registry(daemon: Any) -> Iterator[Registry]:
    """With the Toxiproxy image that the daemon has, under a name of its own."""
    registry = Registry.of(daemon.images.get(_image("toxiproxy")))
    with serving(registry):
        yield registry
    with suppress(ImageNotFound):
        daemon.images.remove(f"{registry.address}/{NAME}@{registry.digest}", force=True)


def test_the_official_images_are_pinned_by_digest() -> None:
    """Each has a tag for the reader and a digest for Docker."""
    assert [] == [
        image for _, image in IMAGES.values() if not re.fullmatch(r"[a-z./]+:\S+@sha256:[0-9a-f]{64}", image)
    ]


def test_a_pinned_image_is_fetched_by_its_digest(
    registry: Registry, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that the daemon lacks is asked for by digest, not by tag, and serves the links."""
    pinned = f"{registry.address}/{NAME}:2.12.0@{registry.digest}"
    monkeypatch.setenv(IMAGES["toxiproxy"][0], pinned)
    environment = Environment("embedded", "container")

    endpoints = environment.start(run)
    environment.stop()

    assert endpoints.versions["toxiproxy"].startswith("Toxiproxy ")
    assert f"/v2/{NAME}/manifests/{registry.digest}" in registry.asked
    assert f"/v2/{NAME}/manifests/2.12.0" not in registry.asked


def test_an_image_that_is_another_is_refused(
    registry: Registry, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that gives something else under the digest makes the environment unavailable."""
    pinned = f"{registry.address}/{NAME}:2.12.0@{digest_of(b'another')}"
    monkeypatch.setenv(IMAGES["toxiproxy"][0], pinned)

    with pytest.raises(EnvironmentUnavailable, match=r"no container of .*ERRORPATH_TOXIPROXY_IMAGE names another"):
        Environment("embedded", "container").start(run)
