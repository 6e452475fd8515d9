"""Claims about writes, as Jepsen judges them: what the client may think, against what PostgreSQL holds.

Law: an acknowledged write was executed, a failed one was not; of an unknown one only the database can tell.
No write that must not be repeated was executed twice, whatever its client was told.
"""

from __future__ import annotations

from typing import Literal

from harness.system import System
from harness.traffic.exchange import Exchange
from harness.verdicts.claims import Claims

Answered = Literal["acknowledged", "failed", "unknown"]

REPEATABLE = ("PUT", "DELETE")  # RFC 9110 section 9.2.2
REFUSING = 503  # nothing was sent: refused, or unavailable


def answered(exchange: Exchange) -> Answered:
    """What the client may think of its write."""
    status = exchange.status or 0
    if not exchange.complete:
        return "unknown"
    if 200 <= status < 300:
        return "acknowledged"
    return "failed" if 400 <= status < 500 or status == REFUSING else "unknown"


class Writes(Claims):
    """Claims about what became of a write."""

    def write(self, system: System, exchange: Exchange, told: Answered, executions: int | tuple[int, int]) -> None:
        """The answer says ``told``, and PostgreSQL says so many executions (or from, to), which go together."""
        low, high = executions if isinstance(executions, tuple) else (executions, executions)
        found, said = system.executions(exchange), answered(exchange)
        if exchange.method not in REPEATABLE:
            self.always(found <= 1, "at most 1 execution", f"{found} executions")
        if said == "failed":
            self.always(found == 0, "no execution of a write that failed", f"{found} executions")
        if said == "acknowledged":
            self.always(found >= 1, "an acknowledged write to be there", f"{found} executions")
        self.equal("the answer says", told, said)
        self.between("executions in Postgres", low, high, found)
