"""Forwarded as a backend reads it (RFC 7239 section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

PARAMETER = re.compile(r'([^\s=;,]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*)')  # a name, and a token or a quoted text


def forwarded_for(values: Iterable[str]) -> list[str]:
    """The nodes that Forwarded names as clients; they may be quoted and have a port (RFC 7239 sections 4 and 6)."""
    named = PARAMETER.findall(", ".join(values))
    nodes = [re.sub(r"\\(.)", r"\1", value.strip('"')) for name, value in named if name.lower() == "for"]
    return [re.sub(r"(?<=[\d\]]):[\w.-]+$", "", node) for node in nodes]
