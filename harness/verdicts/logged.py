"""Claims about what the target logged.

Law: a line that is not there yet may still come, so lines are counted once the record of a later request is there.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.clock import poll_until
from harness.contract.model import Happened
from harness.errors import ContractViolation, HarnessError
from harness.journal import Kind, Line
from harness.rig import SETTLE_S, Rig
from harness.traffic.client import new_key
from harness.traffic.exchange import Exchange
from harness.verdicts.claims import Claims


class Logged(Claims):
    """Claims about log lines; each raises NotPromised where the contract has no such line."""

    def record(self, exchange: Exchange, *happened: Happened, rig: Rig | None = None) -> Line:
        """Exactly one record at the request's end, which tells what ``happened``; returned with our names."""
        (line,) = self.logged("end", exchange, 1, rig=rig)
        words = (rig or self._rig).journal.words(*happened)
        if words and "outcome" in line:
            self.one_of("outcome in the record", words, line["outcome"])
        return line

    def logged(self, kind: Kind, exchange: Exchange, count: int, *, rig: Rig | None = None) -> list[Line]:
        """So many lines of this kind about the request, with our names."""
        rig = rig or self._rig
        self._settle(rig, kind, exchange, count)
        lines = rig.journal.lines(kind, exchange)
        self.that(
            len(lines) == count,
            f"{count} {kind} line{'' if count == 1 else 's'} in the log",
            f"{len(lines)} {kind} line{'' if len(lines) == 1 else 's'}",
        )
        return lines

    def _settle(self, rig: Rig, kind: Kind, exchange: Exchange, count: int) -> None:
        """Return when the lines are there and the record of a later request, too."""
        rig.progress.say(f"waiting for the {kind} line of {exchange.method} {exchange.path}")
        _wait(lambda: len(rig.journal.lines(kind, exchange)) >= max(1, count), within_s=SETTLE_S if count else 0.0)
        last = rig.client.get(f"/later/{new_key()}", headers=dict(rig.canary_headers))
        if rig.journal.promised("end") and not _wait(lambda: rig.journal.lines("end", last), within_s=SETTLE_S):
            raise ContractViolation("a record at the end of each request", f"none of {last.path} ({last.summary()})")


def _wait(ready: Callable[[], object], *, within_s: float) -> bool:
    try:
        return bool(poll_until(ready, within_s=within_s, what="a log line"))
    except HarnessError:
        return False
