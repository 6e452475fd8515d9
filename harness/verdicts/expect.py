"""All that a scenario may claim."""

from __future__ import annotations

from harness.verdicts.answers import Answers
from harness.verdicts.timing import Timing


class Expect(Answers, Timing):
    """Claims about values, answers, time and tries; each is recorded, and raises ContractViolation when broken."""
