"""What a broken answer may leave behind: nothing.

Four views of it: the client's (an end in time, and nothing behind the answer), the upstream's (one try, and no second
use of the connection), the log's (one record that says what happened), and the next request's, which gets its own
answer.
"""

from __future__ import annotations

from contextlib import suppress

from harness.contract.model import Happened
from harness.errors import HarnessError
from harness.rig import Rig
from harness.traffic.client import new_key
from harness.traffic.exchange import Exchange
from harness.traffic.replies import ok
from harness.verdicts.answers import Answers
from harness.verdicts.claims import shown
from harness.verdicts.logged import Logged
from harness.verdicts.timing import Timing

ARRIVED_S = 1.0  # wall seconds, which only a target takes that keeps the connection
OWN = b"the answer to the next request"
NEXT = ok(OWN)


class Aftermath(Logged, Answers, Timing):
    """Claims about what is left, once the fault is healed."""

    def harmless(
        self, rig: Rig, exchange: Exchange, *happened: Happened, mended: bool = False, once: bool = False
    ) -> None:
        """The request ended in time, its connection is not used again, and its record tells it.

        ``happened`` is what the record may say of it.  Where the contract says what is retried, nothing was, for a
        response had begun; ``once``: not anywhere.  ``mended``: the proxy put right what was odd, and knew where the
        answer ended, so that the connection may be used again.
        """
        if rig.contract.timeout:
            self.took(exchange, 0, rig.deadline_s)
        if once or rig.contract.promises("retries"):
            self.tries(exchange, 1)
        self.own_answer(rig, exchange, mended=mended)
        if rig.journal.promised("end"):
            self.record(exchange, *happened, rig=rig)

    def own_answer(self, rig: Rig, before: Exchange, *, mended: bool = False) -> None:
        """The next request gets the answer to itself, on another connection than a broken answer ``before``."""
        used = _all_said(rig, before.key)
        following = rig.get(f"/next/{new_key()}")
        self.served(following)
        self.equal("target in the next answer", f"{rig.upstream_base}{following.path}", following.json()["target"])
        if mended:
            return
        next_used = rig.only_try(following).connection
        told = f"connection {', '.join(map(str, sorted(used)))}, then {next_used}"
        self.that(next_used not in used, "another connection for the next request", told)

    def alone(self, rig: Rig, method: str, status: int, body: bytes = b"") -> None:
        """On a connection that goes on: this one answer, then the next request's own, and nothing behind either.

        No client library shows that: each stops reading where the answer ends.  Of the next attempts upstream the
        first meets what is broken, the second `NEXT`.  A proxy may also end the connection with the first answer.
        """
        key = new_key()
        first, second = rig.head(method, key=key), rig.head(path=f"/next/{new_key()}")
        seen = rig.in_turn(first, second, between=lambda: _all_said(rig, key))
        came = [reply for reply in seen.replies(method, "GET") if not 100 <= reply.status < 200]
        answers = [_told(reply.status, reply.body, whole=reply.complete) for reply in came]
        expected = [_told(status, body), _told(200, OWN)]
        ended = seen.end in ("fin", "reset") and answers == expected[:1]
        self.that(
            answers == expected or ended,
            f"on one connection {expected[0]}, then {expected[1]} or the end, and nothing else",
            f"{', then '.join(answers) or 'nothing'}, the connection {seen.end}",
        )


def _told(status: int, body: bytes, *, whole: bool = True) -> str:
    return f"{status or 'no answer'} with {shown(body)}{'' if whole else ' (cut off)'}"


def _all_said(rig: Rig, key: str) -> set[int]:
    """Wait until all that the origin was to say is said, and taken or refused; the connections it was said on."""
    rig.until(
        lambda: all(one.ended_at for one in rig.origin.attempts(key)), "the origin to have said all it was to say"
    )
    used = {one.connection for one in rig.origin.attempts(key)}
    with suppress(HarnessError):  # what came after the answer may still be on its way to the target
        what = "the broken connection to end"
        rig.until(lambda: not any(rig.origin.stands(one) for one in used), what, within_s=ARRIVED_S)
    return used
