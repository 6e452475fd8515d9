"""What a run will do, read and checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from harness import program
from harness.choices import AUTO_SPEED, Choices
from harness.clock import Clock
from harness.contract.model import Contract, load_contract
from harness.errors import UsageError
from harness.target import elsewhere
from harness.target.files import TargetFile, load_target

ALWAYS_TOLD = ("target", "seed")
NEVER_TOLD = ("only", "out")


@dataclass(frozen=True)
class Plan:
    """The choices of a run with everything they name loaded."""

    choices: Choices
    target: TargetFile
    contract: Contract
    clock: Clock

    def command(self) -> list[str]:
        """The words that give all this again in any folder, but for the paths and where the results go."""
        usual, given = Choices().to_json(), {**self.choices.to_json(), "target": self.target.asked_as}
        told = [name for name, value in given.items() if name in ALWAYS_TOLD or value != usual[name]]
        flags = [[f"--{name.replace('_', '-')}", str(given[name])] for name in told if name not in NEVER_TOLD]
        return [*program.words(), "check", *chain.from_iterable(flags)]

    def check_there(self) -> None:
        """Look for a proxy that somebody else has started; UsageError when it cannot be checked now."""
        if self.choices.url is not None and self.choices.origin_port is not None:
            elsewhere.check_there(self.choices.url, self.choices.origin_port)


def plan(choices: Choices) -> Plan:
    """Load what ``choices`` name; raises UsageError for the first thing that is wrong."""
    choices.check()
    target = load_target(choices.target)
    contract = load_contract(target.contract, origin=str(target.path))
    return Plan(choices, target, contract, Clock(_speed(choices, target)))


def _speed(choices: Choices, target: TargetFile) -> float:
    asked = choices.speed_given()
    mode = "real" if choices.url else target.launch.speed
    if asked is None:
        return 1.0 if mode == "real" else AUTO_SPEED
    if mode == "real" and asked != 1.0:
        raise UsageError(
            f"--speed {choices.speed}: {target.name} runs in real time (launch.speed in {target.path}); "
            "use --speed real or auto"
        )
    return asked
