"""A real run's ``load.json``, in which a gate was broken, and what may become of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("load.json")
FIXED = ("kind", "model", "bound", "gate")  # words of the schema; all other texts are somebody's
ENDS_AND_DOES = "</title></script></style>'\"><script>owned=1</script><img src=x onerror=owned=1>"


def a_run(**changed: Any) -> dict[str, Any]:
    """Its data, with some keys changed."""
    return {**json.loads(MEASURED.read_text("utf-8")), **changed}


def with_texts(data: Any, text: Callable[[str], str], key: str = "") -> Any:
    """The same with every text changed that is not a word of the schema, and every name of a key that is free."""
    if isinstance(data, dict):
        free = key in ("versions", "outcomes", "errors")
        return {text(name) if free else name: with_texts(value, text, name) for name, value in data.items()}
    if isinstance(data, list):
        return [with_texts(value, text, key) for value in data]
    return text(data) if isinstance(data, str) and key not in FIXED and data != "all" else data


def hostile(data: dict[str, Any]) -> dict[str, Any]:
    """Texts that end whatever they are written into, and then do something."""
    return dict(with_texts(data, lambda text: f"{text}{ENDS_AND_DOES}"))


def cut_short(data: dict[str, Any]) -> dict[str, Any]:
    """The run interrupted in its second fault window: no later phase, an open window, nothing seen to the end."""
    phases, windows = data["phases"][:4], data["windows"][:2]
    windows[1] = {**windows[1], "to_s": None}
    return {**data, "exit": 130, "stuck": None, "phases": phases, "windows": windows, "gates": data["gates"][6:9]}
