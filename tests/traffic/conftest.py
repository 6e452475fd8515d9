from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.traffic.client import Client
from harness.traffic.origin import Origin


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.start() as started:
        yield started


@pytest.fixture
def client(origin: Origin) -> Iterator[Client]:
    with Client(origin.url, within_s=10) as started:
        yield started
