"""The guide's traffic: what a user asks for, how often, and in which order.

Law: the seed and the user decide the order, and nothing else does: not the timing, not the answers, not how many
processes the users are spread over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

PASSWORD = "sora2-demo"  # noqa: S105 - public: the users a development database begins with
ACCOUNTS = ("demo@sora2.example", "alice@sora2.example", "bob@sora2.example")


@dataclass(frozen=True)
class Operation:
    """One thing a user does: method and path below the proxy's route, and of 200 requests how many are this one."""

    method: str
    path: str
    weight: int
    body: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """How gates and results name it."""
        return f"{self.method} {self.path}"

    def saying(self, body: Mapping[str, Any]) -> Operation:
        """The same with another body."""
        return replace(self, body=body)


LOGIN = Operation("POST", "/auth/login", 1)  # its password hash costs the backend 50 ms of a core, as it should
OPERATIONS = (
    Operation("GET", "/health", 18),
    LOGIN,
    Operation("GET", "/users/profile", 50),
    Operation("GET", "/credits/balance", 80),
    Operation("POST", "/credits/spend", 35, {"amount": 1, "reason": "load"}),
    Operation("POST", "/videos/generate", 16, {"prompt": "a cat on a skateboard"}),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def order(seed: int, user: str) -> Iterator[Operation]:
    """What the user asks for, one after the other, without end."""
    chance = Random(f"{seed}/{user}/operations")  # noqa: S311 - to be repeated, not to be secret
    weights = [operation.weight for operation in OPERATIONS]
    while True:
        yield from chance.choices(OPERATIONS, weights, k=64)


def gaps_s(seed: int, user: str, rate_per_s: float, *, steady: bool = False) -> Iterator[float]:
    """Seconds from one arrival of the user to the next: exponential (independent people), or all the same."""
    chance = Random(f"{seed}/{user}/arrivals")  # noqa: S311
    while True:
        yield 1 / rate_per_s if steady else chance.expovariate(rate_per_s)


def credentials(email: str, password: str) -> str:
    """The body of a login."""
    return json.dumps({"email": email, "password": password})
