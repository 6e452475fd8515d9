"""The placeholders of a target file: ``{port}``, ``{upstream}`` and the like."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

NAMES = ("port", "upstream", "upstream_host", "upstream_port", "dir", "here", "python")
UPSTREAM_NAMES = ("upstream", "upstream_host", "upstream_port")
_WRITTEN = re.compile(r"\{([a-z_]+)\}")
_KNOWN = re.compile(r"\{(" + "|".join(NAMES) + r")\}")


def values(*, port: int, upstream: str, directory: Path, here: Path) -> dict[str, str]:
    """What each placeholder stands for; ``upstream`` is a URL such as ``http://127.0.0.1:3101``."""
    parts = urlsplit(upstream)
    return {
        "port": str(port),
        "upstream": upstream.rstrip("/"),
        "upstream_host": parts.hostname or "",
        "upstream_port": str(parts.port or 80),
        "dir": str(directory),
        "here": str(here),
        "python": sys.executable,
    }


def fill(text: str, known: dict[str, str]) -> str:
    """``text`` with the known placeholders filled; other braces (nginx's, JSON's) stay as they are."""
    return _KNOWN.sub(lambda found: known[found[1]], text)


def unknown(text: str) -> str | None:
    """The first thing in ``text`` that is written like a placeholder and is none."""
    return next((name for name in _WRITTEN.findall(text) if name not in NAMES), None)


def used(texts: Iterable[str]) -> set[str]:
    """The placeholders in ``texts``."""
    return {name for text in texts for name in _KNOWN.findall(text)}
