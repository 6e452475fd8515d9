"""What came to the backend, by its own access log: a line for each request, with the id that it was given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.load.measures import Attempts

LINE = '"event":"request"'


def attempts(log: Path, tag: str, refused: Sequence[float], *, answered: int) -> Attempts:
    """The attempts of the requests whose ids begin with ``tag``; ``refused`` in epoch seconds.

    ``answered`` is how many requests were answered well: with some of them and not one id, ids are not handed on.
    """
    seen = [
        (line["request_id"], _began(line)) for line in _lines(log) if str(line["request_id"]).startswith(f"{tag}-")
    ]
    counted = bool(seen) or not answered
    return Attempts(Counter(name for name, _ in seen), sorted(at for _, at in seen), sorted(refused), counted)


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        with log.open(encoding="utf-8") as file:
            for text in file:
                if LINE in text and text.endswith("\n"):
                    yield json.loads(text)


def _began(line: dict[str, Any]) -> float:
    """Epoch seconds; the line is written when the request is over."""
    return datetime.fromisoformat(line["timestamp"]).timestamp() - float(line["duration_ms"]) / 1000
