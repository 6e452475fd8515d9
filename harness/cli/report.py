"""``errorpath report``: the page of a load run drawn anew from its ``load.json``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.report.page import load_page, saved

CHECKED = "results.json"


def run(arguments: argparse.Namespace) -> int:
    """Read every folder's results, then write every page and say where; returns the exit code."""
    for folder, data in _read([Path(name) for name in arguments.folders]):
        try:
            print(load_page.write(data, folder))
        except OSError as exc:
            raise UsageError(f"{folder / load_page.NAME}: cannot be written ({exc.strerror})") from exc
    return 0


def _read(folders: Sequence[Path]) -> list[tuple[Path, Mapping[str, Any]]]:
    """All of them before one is written: a folder that is wrong changes nothing."""
    return [(folder, saved.read(_results(folder))) for folder in folders]


def _results(folder: Path) -> Path:
    path = folder / saved.NAME
    try:
        checked = not path.exists() and (folder / CHECKED).exists()
    except OSError as exc:  # a folder that we may not look into, a name that is too long
        raise UsageError(f"{path}: cannot be read ({exc.strerror})") from exc
    if checked:
        raise UsageError(
            f"{folder / CHECKED}: a page is drawn of a load run only, from {saved.NAME}, and there is none beside it"
        )
    return path
