"""Gates: what must hold, phase by phase and path by path; a broken one ends the run with exit code 1.

Law: deciding is pure.  A gate compares one figure of one phase and path with one limit, and a figure that is not
there breaks it, for a gate that cannot be broken is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.load import units
from harness.load.measures import ALL
from harness.load.operations import BY_NAME
from harness.load.schedule import RECOVERY, Schedule, only, read_toml, tables
from harness.spelling import similar

DEFAULT = Path(__file__).resolve().parents[2] / "locustfiles" / "gates.toml"
EVERY = "*"  # each phase, or each path, by itself
MS = 1000.0


@dataclass(frozen=True)
class Limit:
    """One figure of a phase's path, and how it is compared: ``at most`` or ``at least`` so many of a unit."""

    read: Callable[[object], float]
    figure: Callable[[Mapping[str, Any]], float | None]
    unit: str
    at_most: bool = True


def _time(name: str) -> Limit:
    return Limit(lambda value: units.seconds(value) * MS, lambda row: row["response_ms"][name], "ms")


LIMITS: dict[str, Limit] = {
    "error_rate": Limit(units.share, lambda row: row["error_rate"], ""),
    "p50": _time("p50"),
    "p95": _time("p95"),
    "p99": _time("p99"),
    "max": _time("max"),
    "throughput": Limit(
        units.share, lambda row: row["against_control"]["throughput"], "of the control's", at_most=False
    ),
    "recovery": Limit(units.seconds, lambda row: row["recovered_s"], "s"),
    "amplification": Limit(units.number, lambda row: row["attempts"]["per_request"], "attempts per request"),
    "dropped": Limit(units.number, lambda row: row["dropped"], "arrivals"),
}
WHOLE = {"stuck": "requests"}  # of the whole run
KEYS = ("phase", "path", "statuses", *LIMITS, *WHOLE)


@dataclass(frozen=True)
class Gate:
    """A limit on a figure of a phase (name or kind) and path; ``statuses`` instead of one for what may be seen."""

    phase: str
    path: str
    name: str
    limit: float
    statuses: tuple[str, ...] = ()


def load_gates(path: Path, schedule: Schedule) -> list[Gate]:
    """Read gates.  UsageError for the first thing that is wrong, also a phase or path that does not exist."""
    table = read_toml(path, "--gates")
    try:
        only(table, ("gate",), "the gates")
        entries = tables(table.get("gate", []), "gate", "the gates")
        if not entries:
            raise ValueError("it has no [[gate]]")
        return [gate for entry in entries for gate in _gates(entry, schedule)]
    except ValueError as exc:
        raise UsageError(f"--gates {path}: {exc}") from exc


def usual_gates(schedule: Schedule) -> list[Gate]:
    """The gates that come with the checkout, as far as the schedule has phases of their kinds."""
    there = (EVERY, *schedule.names())
    entries = [entry for entry in read_toml(DEFAULT, "--gates")["gate"] if entry.get("phase", EVERY) in there]
    return [gate for entry in entries for gate in _gates(entry, schedule)]


def _gates(entry: Mapping[str, Any], schedule: Schedule) -> Iterator[Gate]:
    only(entry, KEYS, "a gate")
    phase = _known("phase", entry.get("phase", EVERY), [EVERY, *schedule.names()])
    path = _known("path", entry.get("path", ALL), [ALL, EVERY, *BY_NAME])
    asked = [key for key in entry if key not in ("phase", "path")]
    if not asked:
        raise ValueError(f"the gate on phase {phase!r}, path {path!r} asks nothing; there are {', '.join(KEYS[2:])}")
    if "recovery" in asked and phase == EVERY:
        _known("phase", RECOVERY, schedule.names())
    for key in asked:
        try:
            yield _gate(phase, path, key, entry[key])
        except ValueError as exc:
            raise ValueError(f"the gate on phase {phase!r}, path {path!r}: {key}: {exc}") from exc


def _gate(phase: str, path: str, key: str, value: object) -> Gate:
    if key == "statuses":
        if not isinstance(value, list) or not value:
            raise ValueError(f"{value!r} is no list of statuses, such as [200, 503]")
        return Gate(phase, path, key, 0, tuple(str(status) for status in value))
    return Gate(phase, path, key, LIMITS[key].read(value) if key in LIMITS else units.number(value))


def _known(what: str, name: object, known: Sequence[str]) -> str:
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}{similar(str(name), known)}; there are {', '.join(known)}")
    return str(name)


def judge(gates: Sequence[Gate], phases: Sequence[Mapping[str, Any]], stuck: int | None) -> list[dict[str, Any]]:
    """Each gate's figures with their verdicts; ``phases`` as in load.json, the control among them."""
    rows: list[dict[str, Any]] = []
    for gate in gates:
        if gate.name in WHOLE:
            rows.append(_verdict(gate, "whole run", ALL, stuck))
            continue
        rows += list(_judgements(gate, phases)) or [_unmeasured(gate)]
    return rows


def _judgements(gate: Gate, phases: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for phase in phases:
        if _speaks_of(gate, phase):
            yield from (_judged(gate, phase["name"], row) for row in phase["paths"] if _is_about(gate, row))


def _unmeasured(gate: Gate) -> dict[str, Any]:
    """A gate that found nothing to judge is broken: nobody asked for its paths, or its phase never came."""
    verdict = _verdict(gate, gate.phase, gate.path, None)
    return verdict | _only(gate) if gate.name == "statuses" else verdict


def _only(gate: Gate) -> dict[str, Any]:
    return {"expected": f"only {', '.join(gate.statuses)}", "unit": "others"}


def _speaks_of(gate: Gate, phase: Mapping[str, Any]) -> bool:
    if gate.phase == EVERY:
        return gate.name != "recovery" or phase["kind"] == "recovery"
    return gate.phase in (phase["name"], phase["kind"])


def _is_about(gate: Gate, row: Mapping[str, Any]) -> bool:
    """A gate on each path speaks of those that were asked for; one on a path by name also when nobody asked."""
    if gate.path == EVERY:
        return row["path"] != ALL and bool(row["requests"])
    return bool(row["path"] == gate.path)


def _judged(gate: Gate, phase: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if gate.name == "statuses":
        strange = {outcome: n for outcome, n in row["outcomes"].items() if outcome not in gate.statuses}
        verdict = _verdict(gate, phase, row["path"], sum(strange.values()))
        verdict["held"] = not strange
        seen = ", ".join(f"{n} × {outcome}" for outcome, n in strange.items()) or "nothing else"
        return verdict | _only(gate) | {"got": seen}
    return _verdict(gate, phase, row["path"], LIMITS[gate.name].figure(row))


def _verdict(gate: Gate, phase: str, path: str, actual: float | None) -> dict[str, Any]:
    limit = LIMITS.get(gate.name)
    at_most = limit.at_most if limit else True
    unit = limit.unit if limit else WHOLE.get(gate.name, "")
    held = actual is not None and (actual <= gate.limit if at_most else actual >= gate.limit)
    return {
        "gate": gate.name,
        "phase": phase,
        "path": path,
        "limit": gate.limit,
        "bound": "at most" if at_most else "at least",
        "actual": actual,
        "unit": unit,
        "held": held,
        "expected": f"{'at most' if at_most else 'at least'} {_shown(gate, gate.limit, unit)}",
        "got": "nothing that could be measured" if actual is None else _shown(gate, actual, unit),
    }


def _shown(gate: Gate, value: float, unit: str) -> str:
    if gate.name in LIMITS and LIMITS[gate.name].read is units.share:
        return f"{value * 100:.3g} % {unit}".strip()
    return f"{value:g} {unit}"
