"""All that a scenario may claim."""

from __future__ import annotations

from harness.verdicts.aftermath import Aftermath
from harness.verdicts.answers import Answers
from harness.verdicts.frontdoor import FrontDoor
from harness.verdicts.timing import Timing
from harness.verdicts.writes import Writes


class Expect(Aftermath, Answers, Timing, FrontDoor, Writes):
    """Claims about values, answers, time, tries, log lines, writes and what is left; each is recorded, and raises
    ContractViolation when broken."""
