"""Claims about the proxy's own front door: what it refuses, what it lets through, and what is left behind."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import unquote, urljoin, urlsplit

from harness.clock import poll_until
from harness.errors import ContractViolation, HarnessError
from harness.faults import Witness
from harness.faults.canary import connect_outcome
from harness.rig import SETTLE_S, Rig
from harness.target.holdings import Holdings
from harness.traffic.conversation import MALFORMED
from harness.traffic.exchange import Exchange
from harness.traffic.origin import Origin
from harness.traffic.raw import RawExchange
from harness.traffic.recording import Attempt
from harness.traffic.under_way import Pending
from harness.verdicts.claims import Claims, shown
from harness.verdicts.standard import error_type, judge_refusal

REDIRECTS = (301, 302, 307, 308)
AMBIGUOUS = re.compile(rb"\r\n[ \t]|\r(?!\n)|\x00")
HIDDEN = (
    "hidden"  # in what a request carries where it must not be seen: a request in its body, a field in its trailer
)


class FrontDoor(Claims):
    """Claims about raw requests and about what they leave."""

    def turned_away(self, exchange: RawExchange, statuses: Collection[int], *, closed: bool = False) -> None:
        """Answered with one of ``statuses``, and nothing whole went upstream; ``closed``: and the connection ended.

        After a refusal whose end can be told a connection may go on (RFC 9112 section 9.3).
        """
        self.answered(exchange, statuses)
        if closed:
            self.ended(exchange)
        self.nothing_whole_upstream()

    def ended(self, exchange: RawExchange) -> None:
        """The proxy closed the connection, in order or not, as long as we watched it."""
        self.that(exchange.end in ("fin", "reset"), "the connection closed", f"the connection {exchange.end}")

    def one_reading(self, exchange: RawExchange) -> None:
        """The head that came has no fold, NUL or bare CR, which two readers may read differently (RFC 9112 2.2, 5.2).

        What a client library shows of a head does not tell: it may have mended it.
        """
        head = exchange.received.partition(b"\r\n\r\n")[0]
        found = AMBIGUOUS.search(head)
        actual = shown(head[max(0, found.start() - 20) : found.end() + 20]) if found else "none"
        self.that(found is None, "no fold, NUL or bare CR in the head", actual)

    def answered(self, exchange: RawExchange, statuses: Collection[int]) -> None:
        """The first answer is whole and has one of ``statuses``."""
        reply = exchange.reply
        holds = reply is not None and reply.complete and reply.status in statuses
        if reply is not None and reply.status >= 400:
            named = error_type(reply.headers.get("proxy-status"))
            self._case.standards.append(judge_refusal(reply.status, named))
        wanted = " or ".join(map(str, sorted(statuses)))
        self.that(holds, f"answered {wanted}", told(exchange))

    def answered_here(self, exchange: RawExchange, statuses: Collection[int], attempts: Collection[Attempt]) -> None:
        """Answered with one of ``statuses``; or led to another path of the proxy itself, with no ``attempts``."""
        reply = exchange.reply
        if reply is None or reply.status not in REDIRECTS:
            self.answered(exchange, statuses)
            return
        self.answered(exchange, REDIRECTS)
        where = reply.headers.get("location")
        back = where is not None and _leads_to(where, self._rig.authority)
        self.that(back, "a redirect to the proxy itself", f"to {shown(where)}")
        self.that(not attempts, "nothing upstream", f"upstream: {_targets(attempts)}")

    def nothing_whole_upstream(self) -> None:
        """No whole request reached the upstream's route, and none that the upstream itself had to refuse."""
        reached = [one for one in self._rig.origin.attempts() if one.complete or one.outcome.startswith(MALFORMED)]
        self.that(not reached, "no whole and no malformed request upstream", f"upstream: {_targets(reached)}")

    def read_one_way(
        self,
        exchange: RawExchange,
        statuses: Collection[int],
        body: bytes | None,
        *,
        closed: bool = False,
        last: bool = False,
    ) -> None:
        """Refused as in `turned_away`; or, unless ``body`` is None, one well-formed request upstream with that body.

        Either way what was hidden in the request stays hidden.  ``closed``: the connection ends with a refusal;
        ``last``: it ends with any answer.
        """
        self.nothing_hidden(exchange)
        if body is None or exchange.reply is None or exchange.reply.status != 200:
            self.turned_away(exchange, statuses, closed=closed or last)
            return
        attempts = self._rig.origin.attempts()
        holds = len(attempts) == 1 and attempts[0].complete and attempts[0].body == body
        self.that(holds, f"one whole request with the body {shown(body)}", f"upstream: {_targets(attempts)}")
        if last:
            alone = exchange.end in ("fin", "reset") and len(exchange.replies()) == 1
            self.that(alone, "one answer, and the connection closed", told(exchange))

    def nothing_hidden(self, exchange: RawExchange) -> None:
        """What lies hidden in a request was neither forwarded nor answered."""
        forwarded = [one for one in self._rig.origin.attempts() if HIDDEN.encode() in one.raw_head]
        self.that(not forwarded, "nothing hidden upstream", f"upstream: {_targets(forwarded)}")
        answered = HIDDEN.encode() in exchange.received
        self.that(not answered, "no answer to what is hidden", told(exchange))

    def as_configured(self, attempts: Collection[Attempt]) -> None:
        """Every request upstream names the configured upstream as its Host, once, where the contract promises that.

        A proxy may as well pass the client's Host on, as long as it asks nobody else.
        """
        if not self._rig.contract.promises("identity.upstream_host"):
            return
        for attempt in attempts:
            named = [value.decode("latin-1") for name, value in attempt.headers if name.lower() == b"host"]
            self.equal("Host upstream", [self._rig.upstream_address], named)

    def inside(self, attempts: Collection[Attempt]) -> None:
        """Every target upstream stays below the base, however a server normalises it."""
        base = self._rig.upstream_base.rstrip("/") + "/"
        outside = [one for one in attempts if not _resolved(one.target).startswith(base)]
        self.that(not outside, f"nothing outside {base} upstream", f"upstream: {_targets(outside)}")

    def silent(self, bait: Origin) -> None:
        """Nobody connected to ``bait``; a connection of our own proves that it would have been noticed."""
        met = len(bait.connections())
        self.that(met == 0, "no connection to another host", f"{met} connections to another host")
        connect_outcome(bait.host, bait.port)
        poll_until(lambda: bait.connections(), within_s=SETTLE_S, what="the bait to notice a connection of our own")

    def closed_soon(self, attempt: Attempt | None, left_at: float, within_s: float) -> None:
        """The upstream's connection was closed at most ``within_s`` wall seconds after the client left."""
        gone = attempt.closed_by_peer_at if attempt is not None else None
        after = "never" if gone is None else f"after {gone - left_at:.3f} s"
        self._case.time(left_at)
        holds = gone is not None and gone - left_at <= within_s
        self.that(holds, f"the upstream connection closed within {within_s:g} s of our clock", f"closed {after}")

    def all_end(self, exchanges: Collection[Exchange], within_s: float) -> None:
        """None of them hangs: each ended within so many target seconds, `SETTLE_S` of ours and what was withheld.

        What a busy machine withheld from this process meanwhile it withheld from the others as well.
        """
        most_s = self._rig.clock.wall(within_s) + SETTLE_S
        late = [
            one
            for one in exchanges
            if one.took_s > most_s and one.took_s > most_s + self._case.lost_s(one.started, one.ended)
        ]
        longest = max((one.took_s for one in exchanges), default=0.0)
        expected = f"each ended within {within_s:g} s (+ {SETTLE_S:g} s of our clock)"
        self.that(not late, expected, f"{len(late)} later; the longest took {longest:.2f} s of our clock")

    def reaches(self, fault: Witness, count: int) -> None:
        """So many requests reach the upstream, which shows that there were connections for all of them."""
        try:
            fault.wait_for(count, within_s=SETTLE_S)
        except HarnessError:
            raise ContractViolation(f"{count} requests upstream", f"{fault.hits()} requests upstream") from None

    def all_reach(self, pending: Collection[Pending]) -> None:
        """Each of these requests reaches the upstream, and none has been answered."""
        rig = self._rig
        with suppress(HarnessError):
            poll_until(lambda: all(rig.origin.attempts(one.key) for one in pending), within_s=SETTLE_S, what="them")
        waiting = sum(1 for one in pending if rig.origin.attempts(one.key) and not one.done())
        self.equal("requests that wait upstream", len(pending), waiting)

    def let_go(self) -> None:
        """The proxy has left every request upstream that it made."""
        origin = self._rig.origin

        def under_way() -> list[Attempt]:
            return [one for one in origin.attempts() if one.ended_at is None and one.closed_by_peer_at is None]

        try:
            poll_until(lambda: not under_way(), within_s=SETTLE_S, what="the proxy to leave the upstream")
        except HarnessError:
            raise ContractViolation("every request upstream ended", f"going on: {_targets(under_way())}") from None

    def nothing_left(self, rig: Rig, before: Holdings) -> None:
        """The target holds no more tasks, connections and descriptors than ``before``, as it and the kernel say."""
        try:
            poll_until(lambda: not rig.held().more_than(before), within_s=SETTLE_S, what="the target to let go")
        except HarnessError:
            now = rig.held()
            if now.more_than(before):
                raise ContractViolation(f"at most {before}", f"{now}") from None
        self.that(True, "no task, connection or descriptor left behind", f"{before}, as before")

    def grew_little(self, rig: Rig, before_bytes: int, percent: float) -> None:
        """The target's resident memory is at most ``percent`` larger than ``before_bytes``."""
        growth = (rig.target.resident_bytes() / before_bytes - 1) * 100
        self.that(growth <= percent, f"resident memory at most {percent:g} % larger", f"{growth:+.1f} %")

    def all_served(self, exchanges: Collection[Exchange], share: float) -> None:
        """At least this share of the exchanges is a whole 200."""
        served = sum(1 for exchange in exchanges if exchange.status == 200 and exchange.complete)
        actual = f"{served} of {len(exchanges)} served"
        self.that(served >= share * len(exchanges), f"{share:.0%} of {len(exchanges)} served", actual)


def told(exchange: RawExchange) -> str:
    """What a raw client got, in words."""
    reply = exchange.reply
    said = f"answered {reply.status}{'' if reply.complete else ' (cut off)'}" if reply else "no answer"
    return f"{said}, the connection {exchange.end}; {shown(exchange.received)}"


def _targets(attempts: Collection[Attempt]) -> str:
    return ", ".join(f"{one.method} {one.target} ({one.outcome})" for one in attempts) or "nothing"


def _leads_to(location: str, authority: str) -> bool:
    """Whether a browser that came from ``authority`` would stay there; it takes a backslash for a slash."""
    try:
        where = urlsplit(urljoin(f"http://{authority}/", location.replace("\\", "/")))
    except ValueError:  # no URL
        return False
    return (where.scheme, where.netloc) == ("http", authority)


def _resolved(target: str) -> str:
    """``target``'s path as the most helpful of servers reads it: unescaped, without parameters, normalised."""
    path = unquote(target.partition("?")[0]).replace("\\", "/")
    return posixpath.normpath("/".join(part.partition(";")[0] for part in path.split("/"))) + "/"
