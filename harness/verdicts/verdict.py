"""The four verdicts, and the sorter that turns an exception into one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from harness.errors import ContractViolation, NotPromised


class Verdict(StrEnum):
    """What can be said about a promise."""

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    FAIL = "fail"
    INVALID = "invalid"
    NOT_PROMISED = "n/a"


# Which verdict speaks for a path that several scenarios check: a broken promise is broken whatever else happened.
_WEIGHT = {Verdict.FAIL: 3, Verdict.INVALID: 2, Verdict.PASS: 1, Verdict.NOT_PROMISED: 0}


def verdict_of(raised: BaseException | None) -> Verdict:
    """The verdict for what a scenario raised; ``None`` is a pass.

    Everything that is not the proxy's fault by its class is ours: ``invalid``, never ``fail`` and never ``pass``.
    """
    if raised is None:
        return Verdict.PASS
    if isinstance(raised, ContractViolation):
        return Verdict.FAIL
    if isinstance(raised, NotPromised):
        return Verdict.NOT_PROMISED
    return Verdict.INVALID


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that speaks for all of them; of none, ``invalid``: nothing was seen to hold."""
    return max(verdicts, key=_WEIGHT.__getitem__, default=Verdict.INVALID)


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 every promise kept, 1 a promise broken, 3 the harness could not tell."""
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return 1
    return 3 if Verdict.INVALID in seen or not seen else 0
