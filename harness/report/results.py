"""``results.json``: one row per error path, from the records of its scenarios.

A record is what one scenario left behind (plain data, so that it travels between processes).  Several records of
one path make one row; the worst verdict speaks.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contract.catalogue import BY_ID, CATALOGUE
from harness.verdicts.standard import disagreement, loudest
from harness.verdicts.verdict import Verdict, exit_code, worst

SCHEMA = 1
NAME = "results.json"
JUDGED = (0, 1, 3)  # exit codes of a run that came to its end
Record = dict[str, Any]


@dataclass
class Results:
    """The results of a run while they come in; ``command`` is what checks it all again."""

    target: str
    environment: str
    toxiproxy: str
    speed: float
    seed: int
    command: Sequence[str]
    versions: Mapping[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    wall_s: float = 0.0
    troubled: bool = False  # something went wrong outside of every path, so a pass of all of them is not the whole
    ended_by: int | None = None  # the exit code of a run that was interrupted

    def paths(self) -> list[dict[str, Any]]:
        """One row per error path that has a record, in the catalogue's order."""
        by_path: dict[str, list[Record]] = {}
        for record in self.records:
            by_path.setdefault(record["id"], []).append(record)
        return [self._row(row.id, by_path[row.id]) for row in CATALOGUE if row.id in by_path]

    def _row(self, identity: str, records: list[Record]) -> dict[str, Any]:
        verdict = worst(Verdict(record["verdict"]) for record in records)
        speaking = [record for record in records if record["verdict"] == verdict]
        path = BY_ID[identity]
        return {
            "id": identity,
            "kind": path.kind,
            "family": path.family,
            "source": path.source,
            "verdict": str(verdict),
            "expected": _joined(speaking, "expected") or path.promise,
            "actual": _joined(speaking, "actual"),
            "standard": loudest([view for record in records for view in record["standards"]]),
            "witness": _joined(records, "witness"),
            "attempts": next((record["attempts"] for record in records if record["attempts"]), []),
            "wall_s": round(sum(record["wall_s"] for record in records), 3),
            "reproduce": shlex.join([*self.command, "--only", identity]),
            "cases": records,
        }

    def to_json(self) -> dict[str, Any]:
        """The whole file, as plain data."""
        paths = self.paths()
        verdicts = [Verdict(path["verdict"]) for path in paths]
        return {
            "schema": SCHEMA,
            "target": self.target,
            "environment": self.environment,
            "toxiproxy": self.toxiproxy,
            "speed": self.speed,
            "seed": self.seed,
            "versions": dict(self.versions),
            "wall_s": round(self.wall_s, 2),
            "exit": self._exit(verdicts),
            "summary": {str(verdict): verdicts.count(verdict) for verdict in Verdict},
            "disagreements": disagreements(paths),
            "paths": paths,
        }

    def _exit(self, verdicts: list[Verdict]) -> int:
        if self.ended_by is not None:
            return self.ended_by
        return exit_code([*verdicts, Verdict.INVALID] if self.troubled else verdicts)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write ``results.json`` below ``folder`` whole or not at all; returns what was written."""
        data = self.to_json()
        unfinished = folder / f".{NAME}.new"
        unfinished.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
        unfinished.replace(folder / NAME)
        return data


def left_by(exit_code: int | None, folder: Path) -> dict[str, Any] | None:
    """The data that a run which ended with ``exit_code`` left in ``folder``; None where it did not come to its end.

    A run that refuses its arguments leaves what an earlier one wrote there.
    """
    file = folder / NAME
    if exit_code not in JUDGED or not file.exists():
        return None
    data: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return data


def disagreements(paths: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Where a standard would have a failure answered otherwise than it was: the path, and what it says.

    It fails nothing; the contract may well have decided so.
    """
    found = [(path["id"], path["standard"]) for path in paths if path["standard"]]
    return [{"id": identity, "says": says} for identity, view in found if (says := disagreement(view))]


def _joined(records: Iterable[Record], key: str) -> str:
    return "; ".join(dict.fromkeys(record[key] for record in records if record[key]))
