"""A schedule: phases one after the other, and in each of them the windows in which a fault is in force.

Law: a schedule is read whole, and everything it names exists, before anything is started.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.faults import Fault
from harness.load import fault_names, units
from harness.spelling import similar

DEFAULT = Path(__file__).resolve().parents[2] / "locustfiles" / "schedule.toml"
WARM_UP, CONTROL, STEADY, FAULT, RECOVERY = "warm-up", "control", "steady", "fault", "recovery"
KINDS = (CONTROL, STEADY, FAULT, RECOVERY)  # what a gate may speak of; nothing is asked of the warm-up
LONGEST_S = 24 * 3600.0
PLACE = ("at", "for", "every", "fault")  # keys of a fault that are not its parameters


@dataclass(frozen=True)
class Window:
    """A fault in force from ``begin_s`` to ``end_s`` after the beginning of its phase."""

    fault: Fault
    name: str
    begin_s: float
    end_s: float

    @property
    def hop(self) -> str:
        """Where it acts; empty for a fault that acts on no hop."""
        return str(getattr(self.fault, "hop", ""))


@dataclass(frozen=True)
class Phase:
    """A part of the schedule: ``kind`` is one of `KINDS`, or the warm-up."""

    name: str
    kind: str
    length_s: float
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """All phases, the warm-up first; ``control_s`` is the length of the control without its own warm-up."""

    phases: tuple[Phase, ...]
    control_s: float
    path: Path

    @property
    def length_s(self) -> float:
        """Of all phases together."""
        return sum(phase.length_s for phase in self.phases)

    def control(self) -> Schedule:
        """The same traffic without a fault: the warm-up, then one phase."""
        warm_up = tuple(phase for phase in self.phases if phase.kind == WARM_UP)
        return replace(self, phases=(*warm_up, Phase(CONTROL, CONTROL, self.control_s)))

    def lasting(self, length_s: float) -> Schedule:
        """Stretched or shrunk to ``length_s`` in all; what the faults do stays what it is."""
        factor = length_s / self.length_s
        phases = [
            replace(
                phase,
                length_s=phase.length_s * factor,
                windows=tuple(replace(w, begin_s=w.begin_s * factor, end_s=w.end_s * factor) for w in phase.windows),
            )
            for phase in self.phases
        ]
        return replace(self, phases=tuple(phases), control_s=self.control_s * factor)

    def names(self) -> list[str]:
        """What a gate may call a phase: the control, the kinds that are there, and names."""
        measured = [phase for phase in self.phases if phase.kind != WARM_UP]
        there = {CONTROL, *(phase.kind for phase in measured)}
        kinds = [kind for kind in KINDS if kind in there]
        return list(dict.fromkeys([*kinds, *(phase.name for phase in measured)]))


def load_schedule(path: Path) -> Schedule:
    """Read a schedule.  UsageError for the first thing that is wrong, with file and place."""
    table = read_toml(path, "--schedule")
    try:
        return _schedule(path, table)
    except ValueError as exc:
        raise UsageError(f"--schedule {path}: {exc}") from exc


def read_toml(path: Path, flag: str) -> dict[str, Any]:
    """The tables of a file.  UsageError when it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise UsageError(f"{flag} {path}: cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise UsageError(f"{flag} {path}: is not TOML: {exc}") from exc


def only(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise ValueError for a key that does not exist."""
    for key in table:
        if key not in known:
            raise ValueError(f"{where}: there is no key {key!r}{similar(key, known)}; there are {', '.join(known)}")


def tables(value: object, key: str, where: str) -> list[Mapping[str, Any]]:
    """What stands below ``[[key]]``.  ValueError where something else is written there."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{where}: {key.rpartition('.')[2]} must be one or more tables, each below [[{key}]]")
    return value


def _schedule(path: Path, table: Mapping[str, Any]) -> Schedule:
    only(table, ("warm_up", "control", "phase"), "the schedule")
    written = tables(table.get("phase", []), "phase", "the schedule")
    if not written:
        raise ValueError("it has no [[phase]]")
    phases = [Phase(WARM_UP, WARM_UP, _length(table.get("warm_up", "5 s"), "warm_up"))]
    for entry in written:
        phases.append(_phase(entry, phases[-1].kind))
    names = [phase.name for phase in phases]
    for name in names:
        if names.count(name) > 1 or name == CONTROL:
            raise ValueError(f"phase {name!r}: the name is taken; give each phase its own")
    measured_s = sum(phase.length_s for phase in phases[1:])
    control_s = _length(table["control"], "control") if "control" in table else measured_s
    return Schedule(tuple(phases), control_s, path)


def _phase(entry: Mapping[str, Any], before: str) -> Phase:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a [[phase]] has no name")
    where = f"phase {name!r}"
    only(entry, ("name", "for", "fault"), where)
    length_s = _length(entry.get("for"), f"{where}: for")
    faults = tables(entry.get("fault", []), "phase.fault", where)
    windows = sorted(_windows(faults, length_s, where), key=lambda window: window.begin_s)
    _refuse_overlaps(windows, where)
    kind = FAULT if windows else RECOVERY if before in (FAULT, RECOVERY) else STEADY
    return Phase(name, kind, length_s, tuple(windows))


def _windows(entries: Sequence[Mapping[str, Any]], length_s: float, where: str) -> Iterator[Window]:
    for entry in entries:
        fault = _fault(entry, where)
        at_s = _moment(entry.get("at", "0 s"), f"{where}: at")
        for_s = _length(entry["for"], f"{where}: for") if "for" in entry else length_s - at_s
        every_s = _length(entry["every"], f"{where}: every") if "every" in entry else length_s
        if at_s >= length_s or every_s <= for_s < length_s - at_s:
            raise ValueError(
                f"{where}: {entry['fault']}: a window must end within its phase and before the next begins"
            )
        while at_s < length_s:
            yield Window(fault, str(entry["fault"]), at_s, min(at_s + for_s, length_s))
            at_s += every_s


def _fault(entry: Mapping[str, Any], where: str) -> Fault:
    name, known = entry.get("fault"), fault_names.known()
    if not isinstance(name, str) or name not in known:
        raise ValueError(
            f"{where}: there is no fault {name!r}{similar(str(name), known)}; there are {', '.join(known)}"
        )
    try:
        return known[name].make({key: value for key, value in entry.items() if key not in PLACE})
    except ValueError as exc:
        raise ValueError(f"{where}: {name}: {exc}") from exc


def _refuse_overlaps(windows: Sequence[Window], where: str) -> None:
    """One hop takes the same fault once at a time."""
    for kind in {(type(window.fault), window.hop) for window in windows}:
        same = [window for window in windows if (type(window.fault), window.hop) == kind]
        for one, other in pairwise(same):
            if other.begin_s < one.end_s:
                raise ValueError(f"{where}: {one.name} on {one.hop or 'the same place'} begins again before it ended")


def _length(value: object, where: str) -> float:
    length_s = _moment(value, where)
    if not 0 < length_s <= LONGEST_S:
        raise ValueError(f"{where}: {value!r} must be longer than nothing and at most a day")
    return length_s


def _moment(value: object, where: str) -> float:
    try:
        return units.seconds(value)
    except ValueError as exc:
        raise ValueError(f"{where}: {exc}") from exc
