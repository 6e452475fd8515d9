"""What the client saw of one request, as a value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.errors import ContractViolation

ErrorWord = Literal[
    "refused",  # the connect was refused
    "no such host",  # the name does not resolve
    "unreachable",  # any other failure to connect
    "reset",  # RST, before or in the middle of the answer
    "empty reply",  # closed in order without a byte of an answer
    "incomplete body",  # closed in order before the body was whole
    "malformed reply",  # not HTTP
    "timeout",  # the cap on this request ran out
    "left",  # the client was told to leave
]


class Headers:
    """Response headers in the order they came, repetitions kept; names are compared without case."""

    def __init__(self, items: list[tuple[str, str]] | None = None) -> None:
        self.items = list(items or [])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __repr__(self) -> str:
        return f"Headers({self.items!r})"

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name``, in order."""
        return [value for key, value in self.items if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The first value of ``name``."""
        return next(iter(self.get_all(name)), None)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as far as it came; every time is `harness.clock.now()`, in wall seconds."""

    key: str  # sent as X-Errorpath-Request
    method: str
    path: str
    started: float
    ended: float
    status: int | None = None  # None: no response head came
    headers: Headers = field(default_factory=Headers)
    headers_at: float | None = None
    body: bytes = b""  # the first bytes of it, as many as the client was told to keep
    body_length: int = 0
    body_sha256: str = ""
    pieces: tuple[tuple[float, int], ...] = ()  # when how many body bytes came
    sent: int = 0  # bytes of the request body that were handed over
    error: ErrorWord | None = None
    detail: str = ""  # the client library's own words

    @property
    def complete(self) -> bool:
        """Whether a whole, well-framed answer came."""
        return self.error is None

    @property
    def took_s(self) -> float:
        """Wall seconds from the start of the request to the end of the answer."""
        return self.ended - self.started

    @property
    def text(self) -> str:
        """The body that was kept, as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises ContractViolation when it is none, for the proxy wrote it."""
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise ContractViolation("a JSON body", f"{self.summary()} with the body {self.body[:200]!r}") from exc

    def summary(self) -> str:
        """A few words: the status, the error, or both."""
        status = "no answer" if self.status is None else str(self.status)
        return status if self.error is None else f"{status} ({self.error})"
