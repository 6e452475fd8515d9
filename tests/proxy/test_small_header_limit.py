"""A header limit below the target's, which is still a limit."""

from __future__ import annotations

import pytest

from harness.traffic.client import Client
from tests.proxy.running import RunningProxy


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {"HEADER_LIMIT": 2_000}


def test_fields_are_bounded_by_the_smaller_limit(proxy: RunningProxy, client: Client) -> None:
    """Between both limits, fields that are too large are refused; a target as long as that is not."""
    fields = client.get("/api/proxy/x", headers={"X-Large": "x" * 3_000})
    target = client.get("/api/proxy/" + "x" * 3_000)

    assert (fields.status, target.status) == (431, 200)
