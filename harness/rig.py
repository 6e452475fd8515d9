"""What a scenario works with: one running proxy, its upstream, and the way there.

Law: health is proved before harm, and every fault must be witnessed before anything is claimed of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from harness.bytewise import Bytewise
from harness.case import Case
from harness.clock import Clock, now, poll_until
from harness.contract.model import Contract, ErrorKind
from harness.environment.processes import Owned
from harness.errors import ContractViolation, FaultNotWitnessed, HarnessError, NotInTime
from harness.faults import Fault, Witness
from harness.journal import Journal
from harness.leftovers import Leftovers
from harness.progress import Progress
from harness.target.memory import MIB, Memory, watched
from harness.target.running import RunningTarget
from harness.target.starts import Ended, ended
from harness.telemetry import Telemetry
from harness.toxiproxy.client import Link
from harness.traffic.client import Client
from harness.traffic.exchange import Exchange
from harness.traffic.origin import Origin
from harness.traffic.pattern import pattern
from harness.traffic.recording import Attempt
from harness.traffic.under_way import Pending

T = TypeVar("T")

SETTLE_S = 3.0  # wall seconds past the promise in which a healthy proxy must serve; only a broken one needs them
EXPIRY_MARGIN_S = 0.02  # wall seconds past an expiry, so that rounding cannot hide it
CANARY = "/errorpath-canary"


class Variants(Protocol):
    """Whoever can start the same target with other settings."""

    def rig(
        self, case: Case, settings: Mapping[str, object], upstream: str | None = None, *, expiring: bool = False
    ) -> Rig:
        """A rig around such a target."""

    def spawn(self, port: int, environment: Mapping[str, str]) -> Owned:
        """Start such a target on ``port`` with more environment variables, and do not wait for it."""

    @property
    def external(self) -> Origin:
        """An external service that errors may be sent to."""


@dataclass
class Rig(Leftovers, Bytewise):
    """One proxy in front of the origin, for one scenario."""

    contract: Contract
    clock: Clock
    target: RunningTarget
    client: Client
    origin: Origin
    links: dict[str, Link]
    case: Case
    progress: Progress
    variants: Variants
    expiring: bool  # whether a health result expires at the target's pace, or at ours
    canary: str = CANARY
    canary_headers: Mapping[str, str] = field(default_factory=dict)
    faults_seen: list[Witness] = field(default_factory=list)

    # Requests, with paths below the proxy's base

    def request(self, method: str, path: str, **how: Any) -> Exchange:
        """One request and what the client saw; ``how`` as in `Client.begin`."""
        return self.begin(method, path, **how).exchange()

    def get(self, path: str, **how: Any) -> Exchange:
        """GET."""
        return self.request("GET", path, **how)

    def post(self, path: str, **how: Any) -> Exchange:
        """POST."""
        return self.request("POST", path, **how)

    def begin(self, method: str, path: str, **how: Any) -> Pending:
        """One request, under way while the scenario goes on."""
        self.progress.say(f"{method} {path}: waiting for the answer")
        return self.client.begin(method, path, **how)

    def together(self, count: int, path: str, method: str = "GET", **how: Any) -> list[Exchange]:
        """``count`` requests at once."""
        self.progress.say(f"{count} × {method} {path} at once: waiting for the answers")
        return self.client.together(count, method, path, **how)

    def download(self, path: str) -> Exchange:
        """GET of a body that is counted and hashed, not kept."""
        return self.get(path, keep=0)

    def upload(self, path: str, size: int) -> Exchange:
        """PUT of ``size`` bytes of `pattern`, streamed."""
        return self.request("PUT", path, content=pattern(size), headers={"Content-Length": str(size)})

    # What reached the upstream

    def origin_tries(self, exchange: Exchange) -> list[Attempt]:
        """The request's tries that reached the origin."""
        return self.origin.attempts(exchange.key)

    def only_try(self, exchange: Exchange) -> Attempt:
        """The one try that reached the origin; ContractViolation when there is another number of them."""
        tries = self.origin_tries(exchange)
        if len(tries) != 1:
            raise ContractViolation("1 try upstream", f"{len(tries)} tries upstream")
        return tries[0]

    def fields_upstream(self, exchange: Exchange, name: str) -> list[str]:
        """The values of a header field as the only try carried them."""
        wanted = name.lower().encode()
        fields = self.only_try(exchange).headers
        return [value.decode("latin-1") for key, value in fields if key.lower() == wanted]

    def tries(self, exchange: Exchange) -> list[float]:
        """When the request was tried (`harness.clock.now`): what the origin met, and what a fault refused.

        A refused connect cannot be told by its request: while a fault refuses, a scenario asks once.  One that comes
        after the answer counts, too; it should not have come.
        """
        refused = [at for witness in self.faults_seen for at in witness.times()]
        reached = [attempt.at for attempt in self.origin_tries(exchange)]
        return sorted(reached + [at for at in refused if exchange.started <= at])

    @property
    def journal(self) -> Journal:
        """What the target logged."""
        return Journal(self.contract, self.target)

    @property
    def telemetry(self) -> Telemetry:
        """What the target tells in numbers."""
        return Telemetry(self.metrics, self.target, self.client)

    @property
    def external(self) -> Origin:
        """An external service that errors may be sent to; good again, and with nothing recorded."""
        service = self.variants.external
        service.reset()
        return service

    @property
    def tries_countable(self) -> bool:
        """Whether this machine tells refused connects; else only tries that reached the origin are counted."""
        return all(witness.counted for witness in self.faults_seen)

    def forget(self) -> None:
        """Forget what the origin saw so far."""
        self.origin.forget()

    def probes_within(self, target_s: float) -> int:
        """Probes in the first ``target_s`` target seconds after the first probe."""
        times = [probe.at for probe in self.origin.probes()]
        return sum(1 for at in times if at <= times[0] + self.clock.wall(target_s))

    # Waiting

    def until(self, ready: Callable[[], T | None], what: str, *, within_s: float = SETTLE_S) -> T:
        """The first truthy value of ``ready()``; HarnessError after ``within_s`` wall seconds."""
        self.progress.say(f"waiting for {what}")
        value = poll_until(ready, within_s=within_s, what=what)
        assert value is not None
        return value

    def until_served(self, path: str, *, within_s: float) -> Exchange:
        """The first whole 200; ContractViolation when none came within ``within_s`` target seconds and some."""
        return self._until(path, lambda exchange: exchange.status == 200 and exchange.complete, "served", within_s)

    def until_status(self, path: str, status: int, *, within_s: float) -> Exchange:
        """The first answer of this status; ContractViolation as in `until_served`."""
        return self._until(path, lambda exchange: exchange.status == status, f"answered {status}", within_s)

    def until_error(self, path: str, kind: ErrorKind, *, within_s: float) -> Exchange:
        """The first answer that is the contract's error of this kind; ContractViolation as in `until_served`."""
        told = self.error(kind).told
        return self._until(path, lambda exchange: told(exchange.status, exchange.text), f"told {kind}", within_s)

    def _until(self, path: str, good: Callable[[Exchange], bool], what: str, within_s: float) -> Exchange:
        self.progress.say(f"asking for {path} until it is {what} (at most {within_s:g} s of the target)")
        deadline = now() + self.clock.wall(within_s) + SETTLE_S
        while True:
            exchange = self.client.request("GET", path, headers=dict(self.canary_headers))
            if good(exchange):
                return exchange
            if now() > deadline:
                raise ContractViolation(f"{path} {what} within {within_s:g} s", exchange.summary())

    def until_closed_upstream(self, exchange: Exchange, *, within_s: float = SETTLE_S) -> float:
        """When the proxy closed the connection of the request's first try (`harness.clock.now`).

        ContractViolation when it is still open ``within_s`` wall seconds after this was asked.
        """
        try:
            what = "the upstream connection to be closed"
            return self.until(lambda: self.origin_tries(exchange)[0].closed_by_peer_at, what, within_s=within_s)
        except NotInTime as exc:
            still = f"still open {within_s:g} s of our clock after the answer"
            raise ContractViolation("the upstream connection closed", still) from exc

    def cold(self) -> None:
        """Let every cached health result expire: no request for longer than it is kept.

        HarnessError for a scenario that did not ask for ``expiring_health``: its proxy keeps results at our pace.
        """
        if not self.expiring and self.clock.speed != 1:
            raise HarnessError("this scenario lets health expire: mark it with pytest.mark.expiring_health")
        self.expire(self.contract.health.ttl_s if self.contract.health else 0, "the health result to expire")

    @property
    def kept_s(self) -> float:
        """Wall seconds for which the target keeps a health result."""
        ttl_s = self.contract.health.ttl_s if self.contract.health else 0.0
        return self.clock.wall(ttl_s) if self.expiring else ttl_s

    def expire(self, target_s: float, why: str) -> None:
        """Let ``target_s`` seconds of the target pass."""
        until = now() + self.clock.wall(target_s) + EXPIRY_MARGIN_S
        self.progress.say(f"waiting {target_s:g} s of the target for {why}")
        poll_until(lambda: now() >= until, within_s=until - now() + 1, what=why)

    def after_tries(self, fault: Witness, count: int, waits_s: Sequence[float] = ()) -> None:
        """Return when a refusing fault met ``count`` tries; where they cannot be counted, by the documented waits.

        ``waits_s`` are the waits of a target that was given others, in target seconds.

        ContractViolation when it met fewer, and some: the target does not try so often.
        """
        waits = waits_s or self.retries.waits_s
        if fault.counted:
            self._await_tries(fault, count, self.clock.wall(sum(waits)) + SETTLE_S)
        else:
            self.expire(
                sum(waits[: count - 1]) + waits[count - 1] / 2, f"{count} tries, which cannot be counted here"
            )

    def _await_tries(self, fault: Witness, count: int, within_s: float) -> None:
        try:
            fault.wait_for(count, within_s=within_s)
        except NotInTime as exc:
            if not fault.hits():
                raise
            raise ContractViolation(f"{count} tries upstream", f"{fault.hits()} and no more") from exc

    # Faults

    def link(self, hop: str) -> Link:
        """The link of a hop; HarnessError when this rig has none."""
        try:
            return self.links[hop]
        except KeyError:
            raise HarnessError(f"there is no hop {hop!r} here; there are {', '.join(self.links)}") from None

    def kill_upstream(self) -> str:
        """The origin ends as a process does that is killed: nothing listens, and every connection is gone."""
        self.origin.close()
        return "the origin listens no more, and its connections are closed"

    def begin_upstream(self) -> None:
        """The origin accepts again."""
        self.origin.open()

    def check_links(self) -> None:
        """HarnessError when a link is gone, disabled or has a toxic left: what was seen is not the proxy's then."""
        for hop, link in self.links.items():
            state = link.state()
            if not state.enabled or state.toxics:
                raise HarnessError(f"the {hop} link should be enabled and free of toxics, and it is {state}")

    def prove_healthy(self) -> Exchange:
        """One good request through the same way.

        NotInTime when none is served within the health check's time and then some: the scenario cannot begin.
        """
        seen: list[Exchange] = []

        def served() -> Exchange | None:
            seen.append(self.client.request("GET", self.canary, headers=dict(self.canary_headers)))
            return seen[-1] if seen[-1].status == 200 and seen[-1].complete else None

        what = f"{self.target.base_url} to serve before the fault"
        try:
            return self.until(served, what, within_s=self.kept_s + SETTLE_S)
        except NotInTime as exc:
            raise NotInTime(f"{exc}; it answered {', '.join(one.summary() for one in seen[-5:])}") from exc

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
                self.faults_seen += witnesses
                yield witnesses[0]
                evidence = [witness.evidence() for witness in witnesses]
        except ContractViolation as violation:
            self._believe([witness.evidence() for witness in witnesses], faults, violation)
            raise
        for witness in witnesses:
            witness.ended = now()
        self._believe(evidence, faults)

    def _believe(
        self, evidence: Sequence[str | None], faults: Sequence[Fault], cause: BaseException | None = None
    ) -> None:
        for fault, seen in zip(faults, evidence, strict=True):
            if seen is None:
                raise FaultNotWitnessed(f"{fault!r} was applied, and nothing shows that it hit") from cause
            self.case.witnesses.append(seen)

    # The target itself

    @property
    def upstream_address(self) -> str:
        """HOST:PORT that the target was told to forward to."""
        host, port = self.link("upstream").listen
        return f"{host}:{port}"

    @property
    def upstream_by_name(self) -> str:
        """The same as a URL with a name for its host, of which 127.0.0.1 is one address."""
        return f"http://localhost:{self.link('upstream').listen[1]}"

    @property
    def upstream_base(self) -> str:
        """What the route's base becomes upstream."""
        return self.target.file.routes.upstream_base

    def milliseconds(self, target_s: float) -> int:
        """Milliseconds of the wall, as the target is told a duration of ``target_s`` target seconds."""
        return round(self.clock.wall(target_s) * 1000)

    def memory(self) -> AbstractContextManager[Memory]:
        """The target's resident memory while the block runs."""
        return watched(self.target)

    @property
    def noticed_bytes(self) -> int:
        """So many bytes that they cannot be held unnoticed: twice what the target's memory may grow by."""
        return round(2 * MIB * (self.streaming.growth_limit_mib or 0))

    def start_on_a_taken_port(self) -> Ended:
        """How another one of this target ends whose port is taken."""
        return ended(lambda port: self.variants.spawn(port, {}), taken=True)

    def start_with(self, environment: Mapping[str, str]) -> Ended:
        """How another one of this target ends with these environment variables."""
        return ended(lambda port: self.variants.spawn(port, environment), taken=False)

    # Other settings

    def with_waits_of(self, wall_s: float, upstream: str | None = None) -> tuple[Rig, list[float]]:
        """The same target with a retry delay of at least ``wall_s`` wall seconds, and its waits in target seconds."""
        waits = self.retries.waits_s
        delay_s = max(waits[0], self.clock.target(wall_s))
        slower = [wait * delay_s / waits[0] for wait in waits]
        settings = {"retry_delay": delay_s, "request_timeout": sum(slower) + self.deadline_s}
        return self.variant(upstream=upstream, **settings), slower

    def unhurried(self, **settings: Any) -> Rig:
        """The same target with its deadline in our seconds, so that what is to end sooner is not ended by it."""
        return self.variant(request_timeout=self.clock.target(self.deadline_s), **settings)

    def where_sped_up(self, **durations_s: float) -> dict[str, Any]:
        """For `variant`: durations in target seconds; at real speed each is as documented."""
        return dict(durations_s) if self.clock.speed != 1 else {}

    def connect_within(self, target_s: float | None = None) -> dict[str, Any]:
        """For `variant`: a connect timeout of so many target seconds, or as promised; at real speed as documented.

        Without it a connect may take as many of our seconds as are promised in the target's.
        """
        promised = self.contract.timeout and self.contract.timeout.connect_s
        return self.where_sped_up(connect_timeout=target_s or promised) if promised else {}

    def variant(self, *, upstream: str | None = None, **settings: object) -> Rig:
        """The same target with other settings (names of the target file; target seconds) or another upstream."""
        rig = self.variants.rig(self.case, settings, upstream, expiring=self.expiring)
        rig.faults_seen = self.faults_seen  # one scenario, one account of what was refused
        return rig
