"""A row of the catalogue, and how rows are read.

Kinds: **G** documented in the guide (``source`` names its section), **S** a standard's rule that any proxy owes its
users, **W** write safety.  ``needs`` names the parts of a contract without which the row is not promised (``n/a``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["G", "S", "W"]


@dataclass(frozen=True)
class ErrorPath:
    """One promise: a stable id, where it is documented, what triggers it, and what is promised."""

    id: str
    kind: Kind
    family: str
    source: str
    trigger: str
    promise: str
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Trigger and promise as one line."""
        return f"{self.trigger} → {self.promise}"


def family(name: str, source: str, needs: str, rows: str) -> tuple[ErrorPath, ...]:
    """Read ``rows``: one row a line, ``id | kind | trigger | promise [| more needs] [| source]``."""
    return tuple(_row(name, source, needs, line) for line in rows.strip().splitlines())


def _row(family: str, source: str, needs: str, line: str) -> ErrorPath:
    cells = [cell.strip() for cell in line.split("|")]
    identity, kind, trigger, promise = cells[:4]
    more = cells[4] if len(cells) > 4 else ""
    if kind not in ("G", "S", "W"):
        raise ValueError(f"catalogue row {identity}: kind {kind!r}")
    return ErrorPath(
        id=identity,
        kind=kind,  # type: ignore[arg-type]  # narrowed by the line above
        family=family,
        source=cells[5] if len(cells) > 5 else source,
        trigger=trigger,
        promise=promise,
        needs=(*needs.split(), *more.split()),
    )
