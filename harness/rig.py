"""What a scenario works with: one running proxy, its upstream, and the way there.

Law: health is proved before harm, and every fault must be witnessed before anything is claimed of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock, now, poll_until
from harness.contract.model import Contract
from harness.errors import ContractViolation, FaultNotWitnessed, HarnessError, NotPromised
from harness.faults import Fault, Witness
from harness.progress import Progress
from harness.target.launch import RunningTarget
from harness.toxiproxy.client import Link
from harness.traffic.client import Client, Pending
from harness.traffic.exchange import Exchange
from harness.traffic.origin import Origin
from harness.verdicts.case import Case

SETTLE_S = 3.0  # wall seconds beyond the promise in which a healthy proxy must serve; only a broken one gets there
EXPIRY_MARGIN_S = 0.02  # wall seconds past an expiry, so that rounding cannot hide it


@dataclass
class Rig:
    """One proxy in front of the origin, for one scenario."""

    contract: Contract
    clock: Clock
    target: RunningTarget
    client: Client
    origin: Origin
    links: dict[str, Link]
    case: Case
    progress: Progress

    def link(self, hop: str) -> Link:
        """The link of a hop; HarnessError when this rig has none."""
        try:
            return self.links[hop]
        except KeyError:
            raise HarnessError(f"there is no hop {hop!r} here; there are {', '.join(self.links)}") from None

    def get(self, path: str, **more: Any) -> Exchange:
        """GET ``path`` below the proxy's base."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> Exchange:
        """POST to ``path`` below the proxy's base."""
        return self.request("POST", path, **more)

    def request(self, method: str, path: str, **more: Any) -> Exchange:
        """One request and what the client saw."""
        return self.begin(method, path, **more).result()

    def begin(self, method: str, path: str, **more: Any) -> Pending:
        """One request, under way while the scenario goes on."""
        self.progress.say(f"{method} {path}: waiting for the answer")
        return self.client.begin(method, path, **more)

    def together(self, count: int, path: str, method: str = "GET", **more: Any) -> list[Exchange]:
        """``count`` requests at once."""
        self.progress.say(f"{count} × {method} {path} at once")
        return self.client.together(count, method, path, **more)

    def prove_healthy(self) -> Exchange:
        """One good request through the same way.

        A proxy that does not serve within the health check's time and then some never kept its first promise: the
        scenario cannot begin (HarnessError).
        """
        within = self.clock.wall(self.ttl_s) + SETTLE_S
        self.progress.say(f"proving health before harm (at most {within:.1f} s)")
        return poll_until(self._served, within_s=within, what=f"{self.target.base_url} to serve before the fault")

    def _served(self) -> Exchange | None:
        exchange = self.client.request("GET", "/errorpath-canary")
        return exchange if exchange.status == 200 and exchange.complete else None

    @property
    def ttl_s(self) -> float:
        """How long the target keeps a health result, in target seconds; 0 when it promises no check."""
        return self.contract.health.ttl_s if self.contract.health else 0.0

    def cold(self) -> None:
        """Let every cached health result expire: no request for longer than it is kept."""
        self.expire(self.ttl_s, "the health result to expire")

    def expire(self, target_s: float, why: str) -> None:
        """Let ``target_s`` seconds of the target pass."""
        until = now() + self.clock.wall(target_s) + EXPIRY_MARGIN_S
        self.progress.say(f"waiting {target_s:g} s of the target for {why}")
        poll_until(lambda: now() >= until, within_s=until - now() + 1, what=why)

    @contextmanager
    def broken(self, *faults: Fault, prove: bool = True) -> Iterator[Witness]:
        """Apply ``faults``; leaving the block heals them and asks for their witnesses.

        Yields the first fault's witness.  Raises FaultNotWitnessed when nothing shows that a fault hit, whatever
        else the block found out.
        """
        if prove:
            self.prove_healthy()
        witnesses: list[Witness] = []
        try:
            with ExitStack() as stack:
                witnesses += [stack.enter_context(fault.inject(self)) for fault in faults]
                yield witnesses[0]
                evidence = [witness.evidence() for witness in witnesses]
        except ContractViolation as violation:
            self._believe([witness.evidence() for witness in witnesses], faults, violation)
            raise
        self._believe(evidence, faults)

    def _believe(
        self, evidence: Sequence[str | None], faults: Sequence[Fault], cause: BaseException | None = None
    ) -> None:
        for fault, seen in zip(faults, evidence, strict=True):
            if seen is None:
                raise FaultNotWitnessed(f"{fault!r} was applied, and nothing shows that it hit") from cause
            self.case.witnesses.append(seen)

    def promised(self, need: str) -> None:
        """Raise NotPromised when the contract lacks ``need``."""
        if not self.contract.promises(need):
            raise NotPromised(f"{need} is not in the target's contract")
