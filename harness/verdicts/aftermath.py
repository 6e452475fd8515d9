"""What a broken answer may leave behind: nothing.

Four views of it: the client's (an end in time), the upstream's (one try, and no second use of the connection), the
log's (one record that says what happened), and the next request's, which gets its own answer.
"""

from __future__ import annotations

from contextlib import suppress

from harness.contract.model import Happened
from harness.errors import HarnessError
from harness.rig import Rig
from harness.traffic.client import new_key
from harness.traffic.exchange import Exchange
from harness.verdicts.answers import Answers
from harness.verdicts.logged import Logged
from harness.verdicts.timing import Timing

ARRIVED_S = 1.0  # wall seconds, which only a target takes that keeps the connection


class Aftermath(Logged, Answers, Timing):
    """Claims about what is left, once the fault is healed."""

    def harmless(self, rig: Rig, exchange: Exchange, *happened: Happened, mended: bool = False) -> None:
        """The request was tried once and in time, its connection is not used again, and its record tells it.

        Nothing is retried, for a response had begun; ``happened`` is what the record may say of it.  ``mended``: the
        proxy put right what was odd, which was no framing, so that the connection may be used again.
        """
        if rig.contract.timeout:
            self.took(exchange, 0, rig.deadline_s)
        self.tries(exchange, 1)
        self.own_answer(rig, exchange, mended=mended)
        if rig.journal.promised("end"):
            self.record(exchange, *happened, rig=rig)

    def own_answer(self, rig: Rig, before: Exchange, *, mended: bool = False) -> None:
        """The next request gets the answer to itself, on another connection than a broken answer ``before``."""
        rig.until(lambda: rig.only_try(before).ended_at, "the origin to have said all it was to say")
        broken = rig.only_try(before).connection
        with suppress(HarnessError):  # what came after the answer may still be on its way to the target
            rig.until(lambda: not rig.origin.stands(broken), "the broken connection to end", within_s=ARRIVED_S)
        following = rig.get(f"/next/{new_key()}")
        self.served(following)
        self.equal("target in the next answer", f"{rig.upstream_base}{following.path}", following.json()["target"])
        if mended:
            return
        used, next_used = rig.only_try(before).connection, rig.only_try(following).connection
        self.that(
            used != next_used, "another connection for the next request", f"connection {used}, then {next_used}"
        )
