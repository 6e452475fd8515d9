"""The conftest of these scenarios: puts a gate before the Toxiproxy server, which a scenario may close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.stack import Stack
from tests.runs.gate import Gate, gate_before

pytest_plugins = ["harness.plugin"]


@pytest.fixture(scope="session")
def gate(errorpath_stack: Stack) -> Gate:
    gate = gate_before(errorpath_stack.endpoints.toxiproxy)
    errorpath_stack.endpoints = replace(errorpath_stack.endpoints, toxiproxy=gate.endpoint)
    return gate


@pytest.fixture(autouse=True)
def heals_afterwards(gate: Gate, errorpath_stack: Stack) -> Iterator[None]:
    """What somebody else did to a link must not reach the next scenario."""
    yield
    gate.heal(errorpath_stack.origin_link.name)
