"""Whose fault it is.

Law: the class of an exception decides the verdict, nothing else does.  ``ContractViolation`` is the proxy's
(``fail``, exit 1), ``HarnessError`` is ours (``invalid``, exit 3), ``NotPromised`` is nobody's (``n/a``), and
``UsageError`` is the caller's (exit 2, nothing was started).  Whatever else escapes a scenario is ours too:
a crash of the harness is never booked against the proxy.
"""

from __future__ import annotations


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: end in order, now.  ``exit_code`` is the shell's for it."""

    exit_code = 130


class Terminated(Interrupted):
    """SIGTERM: the same, asked for by a program."""

    exit_code = 143


class ErrorpathError(Exception):
    """Anything this project raises on purpose."""


class UsageError(ErrorpathError):
    """A flag, setting, target file, plan or results file is wrong; the message names it and says what to do."""


class HarnessError(ErrorpathError):
    """The harness could not do its part, so nothing can be said about the proxy."""


class NotInTime(HarnessError):
    """What was polled for did not happen; whose fault that is says whoever waited."""


class EnvironmentUnavailable(HarnessError):
    """A server the run needs (PostgreSQL, Redis, Toxiproxy) is missing or did not start."""


class FaultNotWitnessed(HarnessError):
    """A fault was applied, and nothing shows that it hit."""


class Disturbed(HarnessError):
    """The machine stalled for longer than a time claim allows, so the measurement says nothing."""


class NotPromised(ErrorpathError):
    """The target's contract does not make this promise."""


class ContractViolation(ErrorpathError):
    """The proxy did not keep a promise.

    ``expected`` and ``actual`` are whole sentences with units, for a person to read side by side.  ``excusable`` is
    whether a machine that stalled can be the reason: it makes things late and lets deadlines pass, but it executes
    nothing twice.
    """

    def __init__(self, expected: str, actual: str, *, excusable: bool = True) -> None:
        super().__init__(f"expected {expected}, got {actual}")
        self.expected = expected
        self.actual = actual
        self.excusable = excusable
