"""The parts of a contract as a scenario asks for them; asking for one that is not promised ends it as ``n/a``."""

from __future__ import annotations

from typing import TypeVar

from harness.contract.model import (
    Contract,
    ErrorKind,
    ErrorPromise,
    Gauges,
    Health,
    Identity,
    Limit,
    Limits,
    Logging,
    Metrics,
    Overload,
    ProcessPromise,
    Retries,
    Sink,
    Streaming,
)
from harness.errors import NotPromised

T = TypeVar("T")


def _promised(part: T | None, name: str) -> T:
    if part is None:
        raise NotPromised(f"{name} is not in the target's contract")
    return part


class Promises:
    """Shortcuts into ``contract``; each raises NotPromised when its part is absent.  Seconds are the target's."""

    contract: Contract

    def error(self, kind: ErrorKind) -> ErrorPromise:
        """The promised error of this kind."""
        return _promised(self.contract.errors.get(kind), f"errors.{kind}")

    @property
    def retries(self) -> Retries:
        """The promise of retries."""
        return _promised(self.contract.retries, "retries")

    @property
    def health(self) -> Health:
        """The promise of a health check."""
        return _promised(self.contract.health, "health")

    @property
    def process(self) -> ProcessPromise:
        """The promises about starting."""
        return _promised(self.contract.process, "process")

    @property
    def identity(self) -> Identity:
        """What the target says of itself and of a request."""
        return _promised(self.contract.identity, "identity")

    @property
    def streaming(self) -> Streaming:
        """The promises about memory."""
        return _promised(self.contract.streaming, "streaming")

    @property
    def limits(self) -> Limits:
        """The bounds of the front door."""
        return _promised(self.contract.limits, "limits")

    def limit(self, name: str) -> Limit:
        """One bound of the front door: "target", "header", "fields", "body" or "head"."""
        limit: Limit | None = getattr(self.limits, name)
        return _promised(limit, f"limits.{name}")

    def most(self, name: str) -> int:
        """How much that bound allows."""
        return int(_promised(self.limit(name).most, f"limits.{name}.most"))

    @property
    def overload(self) -> Overload:
        """The promise about more requests than the upstream takes."""
        return _promised(self.contract.overload, "overload")

    @property
    def gauges(self) -> Gauges:
        """Where the target tells what it holds."""
        return _promised(self.contract.gauges, "gauges")

    @property
    def logging(self) -> Logging:
        """The promises about log lines."""
        return _promised(self.contract.logging, "logging")

    @property
    def metrics(self) -> Metrics:
        """The promises about metrics."""
        return _promised(self.contract.metrics, "metrics")

    @property
    def sink(self) -> Sink:
        """The promises about errors that are also sent elsewhere."""
        return _promised(self.contract.sink, "sink")

    @property
    def deadline_s(self) -> float:
        """What a client waits at most."""
        return _promised(self.contract.timeout, "timeout").request_s

    @property
    def connect_s(self) -> float:
        """What a connect may take; 0 when nothing is said of it."""
        return _promised(self.contract.timeout, "timeout").connect_s or 0.0

    @property
    def allowed_origin(self) -> str:
        """A browser origin that may send credentials."""
        allowed = _promised(self.contract.cors, "cors").allowed
        return _promised(allowed[0] if allowed else None, "cors.allowed")

    @property
    def allow_credentials(self) -> str | None:
        """What an allowed origin is told of credentials, in Access-Control-Allow-Credentials; None: nothing."""
        return "true" if _promised(self.contract.cors, "cors").credentials else None
