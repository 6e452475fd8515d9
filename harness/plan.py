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
from harness.target.speed import environment, promised_settings

ALWAYS_TOLD = ("target", "seed")
NEVER_TOLD = ("only", "out")
API_BASE = "/api"  # where the API that we start ourselves has its routes


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
        return [program.NAME, "check", *chain.from_iterable(flags)]

    @property
    def why_no_api(self) -> str | None:
        """Why the API that we start cannot stand behind the target; None when it can."""
        base = self.target.routes.upstream_base or "/"
        if base == API_BASE:
            return None
        return f"our API has its routes below {API_BASE}, and in {self.target.path} routes.upstream_base is {base}"

    def check_api(self) -> None:
        """UsageError when the API that we start cannot stand behind the target."""
        if self.why_no_api is not None:
            raise UsageError(f"--target: {self.why_no_api}; `errorpath check` checks what needs no API")

    def check_there(self) -> None:
        """Look for a proxy that somebody else has started; UsageError when it cannot be checked now."""
        if self.choices.url is not None and self.choices.origin_port is not None:
            elsewhere.check_there(self.choices.url, self.choices.origin_port)


def plan(choices: Choices) -> Plan:
    """Load what ``choices`` name; raises UsageError for the first thing that is wrong."""
    choices.check()
    target = load_target(choices.target)
    contract = load_contract(target.contract, origin=str(target.path))
    planned = Plan(choices, target, contract, Clock(_speed(choices, target)))
    environment(target, promised_settings(target, contract), planned.clock)
    _check_rules(target, contract)
    return planned


def _check_rules(target: TargetFile, contract: Contract) -> None:
    rules = contract.metrics.rules if contract.metrics else None
    if rules is not None and target.beside(rules) is None:
        raise UsageError(
            f"{target.path}: contract.metrics.rules: there is no file {rules} below the target's folder; correct it, "
            "or leave rules out where no alert is promised"
        )


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
