"""What each worker is doing now and why it waits, for whoever watches the run.

A worker rewrites one small file; the watcher reads them all.  Nothing is kept and nothing waits for anybody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from harness.clock import now


@dataclass
class Progress:
    """One worker's line: the path it checks and what it waits for."""

    file: Path
    path: str = ""

    def begin(self, path: str) -> None:
        """A new scenario begins."""
        self.path = path
        self.say("starting")

    def say(self, doing: str) -> None:
        """Tell what is done or waited for, and why."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"path": self.path, "doing": doing, "since": now()}), "utf-8")
        fresh.replace(self.file)


def read_all(folder: Path) -> dict[str, dict[str, object]]:
    """Every worker's latest line, by worker."""
    lines = {}
    for file in sorted(folder.glob("*.progress")):
        try:
            lines[file.stem] = json.loads(file.read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            continue
    return lines
