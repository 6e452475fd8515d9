"""``load.json``: what the load met, phase by phase and path by path, the gates, and the course second by second."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.load.gates import Gate, judge
from harness.load.locust_process import Traffic
from harness.load.measures import ALL, by_path, recovered_s, series
from harness.load.operations import OPERATIONS
from harness.load.passage import Passage
from harness.load.schedule import CONTROL, RECOVERY, WARM_UP
from harness.load.timeline import Passed, Past
from harness.load.told import epoch

SCHEMA = 1
NAME = "load.json"
Throughput = Callable[[Mapping[str, Any]], float | None]
PATHS = [operation.name for operation in OPERATIONS]


@dataclass
class LoadResults:
    """A run while it goes on; ``about`` is what was asked for."""

    about: Mapping[str, Any]
    traffic: Traffic
    gates: Sequence[Gate]
    control: Passage | None = None
    load: Passage | None = None
    troubles: list[str] = field(default_factory=list)
    ended_by: int | None = None
    wall_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The whole file, as plain data."""
        yielded = _per_arrival if self.traffic.model == "open" else _per_second
        before = _phases(self.control, None, yielded) if self.control else []
        usual = next((phase["paths"] for phase in before if phase["kind"] == CONTROL), None)
        after = _phases(self.load, usual, yielded) if self.load else []
        before = _phases(self.control, usual, yielded) if self.control else []
        measured = [phase for phase in [*before, *after] if phase["kind"] != WARM_UP]
        gates = judge(self.gates, measured, self.load.stuck if self.load else None) if measured else []
        gates.sort(key=lambda gate: gate["held"])
        return {
            "schema": SCHEMA,
            "kind": "load",
            **self.about,
            "traffic": self.traffic.asked(),
            "wall_s": round(self.wall_s, 2),
            "exit": self._exit(gates),
            "troubles": [*self.troubles, *self._unwitnessed()],
            "gates": gates,
            "phases": after,
            "windows": _windows(self.load) if self.load else [],
            "stuck": self.load.stuck if self.load else None,
            "series": _series(self.load) if self.load else None,
            "control": {"phases": before, "series": _series(self.control)} if self.control else None,
            "cpu": (self.load or self.control).cpu.to_json() if self.load or self.control else None,  # type: ignore[union-attr]
        }

    def _unwitnessed(self) -> list[str]:
        return [
            f"{past.window.name} on {past.window.hop or 'the stack'} in phase {past.phase!r} was applied, and "
            f"nothing shows that it hit{past.trouble and ': '}{past.trouble}"
            for past in (self.load.windows if self.load else [])
            if past.evidence is None
        ]

    def _exit(self, gates: Sequence[Mapping[str, Any]]) -> int:
        if self.ended_by is not None:
            return self.ended_by
        if self.troubles or self._unwitnessed():
            return 3
        return 0 if all(gate["held"] for gate in gates) else 1

    def write(self, folder: Path) -> dict[str, Any]:
        """Write ``load.json`` below ``folder`` whole or not at all; returns what was written."""
        data = self.to_json()
        unfinished = folder / f".{NAME}.new"
        unfinished.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
        unfinished.replace(folder / NAME)
        return data


def _per_arrival(row: Mapping[str, Any]) -> float | None:
    """Throughput in an open model: good answers of what arrived, so that chance in the arrivals does not count."""
    arrived = row["requests"] + row["dropped"]
    return row["good"] / arrived if arrived else None


def _per_second(row: Mapping[str, Any]) -> float | None:
    """Throughput in a closed model, where a slow answer keeps the next request from coming."""
    return float(row["good_per_s"])


def _phases(passage: Passage, usual: Sequence[Mapping[str, Any]] | None, yielded: Throughput) -> list[dict[str, Any]]:
    return [_phase(passage, passed, usual, yielded) for passed in passage.phases if passed.ended is not None]


def _phase(
    passage: Passage, passed: Passed, usual: Sequence[Mapping[str, Any]] | None, yielded: Throughput
) -> dict[str, Any]:
    begin, end = epoch(passed.began), epoch(passed.ended or passed.began)
    rows = by_path(passage.told, PATHS, begin, end, passage.attempts)
    for row in rows:
        own = next((other for other in usual or () if other["path"] == row["path"]), None)
        row["against_control"] = {"throughput": _ratio(yielded(row), yielded(own) if own else None)}
        row["recovered_s"] = _recovered(passage, passed, row, own) if passed.phase.kind == RECOVERY else None
    return {
        "name": passed.phase.name,
        "kind": passed.phase.kind,
        "from_s": round(begin - passage.began, 3),
        "to_s": round(end - passage.began, 3),
        "paths": rows,
    }


def _recovered(
    passage: Passage, passed: Passed, row: Mapping[str, Any], usual: Mapping[str, Any] | None
) -> float | None:
    begin, end = epoch(passed.began), epoch(passed.ended or passed.began)
    healed = max([begin, *(epoch(p.ended) for p in passage.windows if p.ended and epoch(p.ended) < end)])
    told = passage.told if row["path"] == ALL else [one for one in passage.told if one.path == row["path"]]
    return recovered_s(told, healed, end, usual["response_ms"]["p95"] if usual else None)


def _ratio(value: float | None, usual: float | None) -> float | None:
    return round(value / usual, 4) if usual and value is not None else None


def _windows(passage: Passage) -> list[dict[str, Any]]:
    return [_window(passage, past) for past in passage.windows]


def _window(passage: Passage, past: Past) -> dict[str, Any]:
    return {
        "phase": past.phase,
        "fault": past.window.name,
        "hop": past.window.hop or None,
        "what": repr(past.window.fault),
        "from_s": round(epoch(past.began) - passage.began, 3),
        "to_s": None if past.ended is None else round(epoch(past.ended) - passage.began, 3),
        "witnessed": past.evidence is not None,
        "witness": past.evidence,
        "hits": past.hits,
    }


def _series(passage: Passage) -> dict[str, Any]:
    return series(passage.told, passage.began, passage.ended, passage.attempts)
