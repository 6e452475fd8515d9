"""Who works how much: the CPU of each process of a run, and which of them is the bottleneck."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.clock import now
from harness.environment.consumption import cpu_s, machine_cpu_s
from harness.environment.processes import Owned
from harness.environment.rundir import RunDirectory

FULL_CORE = 0.9  # of a core: an event loop that needs so much has nothing left
FULL_MACHINE = 0.95  # of all cores
OURSELVES, OTHERS = "harness", "others on this machine"


@dataclass(frozen=True)
class Reading:
    """Seconds of CPU so far, by process, and of the machine."""

    at: float
    by_name: dict[str, float]
    busy_s: float
    idle_s: float


@dataclass
class Meter:
    """Reads at the moments it is told to; reading costs some 10 ms, so it is told rarely."""

    run: RunDirectory
    readings: list[Reading] = field(default_factory=list)

    def read(self) -> None:
        """Take a reading now."""
        by_name = {OURSELVES: time.process_time()}
        for process in self.run.held:
            if isinstance(process, Owned) and process.alive():
                by_name[process.name] = by_name.get(process.name, 0.0) + cpu_s(process.pid)
        busy_s, idle_s, _ = machine_cpu_s()
        self.readings.append(Reading(now(), by_name, busy_s, idle_s))

    def to_json(self) -> dict[str, Any]:
        """Cores that each process used from the first reading to the last, and at most between two."""
        cores = machine_cpu_s()[2]
        if len(self.readings) < 2:
            return {"cores": cores, "busy_cores": None, "processes": [], "bottleneck": "not measured"}
        first, last = self.readings[0], self.readings[-1]
        rows = [
            {"name": name, "cores": _cores(first, last, name), "most": self._most(name)}
            for name in last.by_name
            if name in first.by_name
        ]
        rows.sort(key=lambda row: -float(str(row["cores"])))
        busy, idle = last.busy_s - first.busy_s, last.idle_s - first.idle_s
        busy_cores = round(cores * busy / (busy + idle), 3) if busy + idle else 0.0
        ours = sum(float(str(row["cores"])) for row in rows)
        rows.append({"name": OTHERS, "cores": round(max(busy_cores - ours, 0.0), 3), "most": None})
        return {
            "cores": cores,
            "busy_cores": busy_cores,
            "processes": rows,
            "bottleneck": bottleneck(rows, busy_cores, cores),
        }

    def _most(self, name: str) -> float:
        pairs = zip(self.readings, self.readings[1:], strict=False)
        return max(
            (_cores(one, other, name) for one, other in pairs if name in one.by_name and name in other.by_name),
            default=0.0,
        )


def _cores(first: Reading, last: Reading, name: str) -> float:
    return round(max(last.by_name[name] - first.by_name[name], 0.0) / max(last.at - first.at, 0.001), 3)


def bottleneck(rows: Sequence[dict[str, Any]], busy_cores: float, cores: int) -> str:
    """What would have to be quicker for more to pass, in a sentence."""
    busiest = max(rows, key=lambda row: row["cores"])
    used = f"{busiest['name']} with {busiest['cores']:g} of {cores} cores"
    if busiest["name"] != OTHERS and (busiest["most"] or 0) >= FULL_CORE and busiest["cores"] >= FULL_CORE:
        return f"{used}: it has no more of its core left"
    if busy_cores >= FULL_MACHINE * cores:
        return f"the machine: all {cores} cores were busy; most of that was {used}"
    return f"none: {cores - busy_cores:.2g} of {cores} cores were idle; the most was used by {used}"
