"""``load.json`` read back: whole, of the schema, and without what a drawing cannot hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

import harness.load
from harness.errors import UsageError

NAME = "load.json"
SCHEMA = Path(harness.load.__file__).with_name("load.schema.json")
MOST = 2**63  # no count, second or millisecond of ours comes near


def read(path: Path) -> dict[str, Any]:
    """The data of a ``load.json``.  UsageError, which names the file, for anything that is wrong with it."""
    try:
        text = path.read_text("utf-8")
        data = json.loads(text, parse_float=_finite, parse_int=_countable, parse_constant=_finite)
        _check(data)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read ({exc.strerror})") from exc
    except json.JSONDecodeError as exc:
        raise UsageError(f"{path}: is no JSON ({exc})") from exc
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"{path}: {exc}") from exc
    assert isinstance(data, dict)
    return data


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > MOST:
        raise ValueError(f"{text} is no figure of a load run")
    return value


def _countable(text: str) -> int:
    _finite(text)
    return int(text)


def _check(data: Any) -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    wrong = jsonschema.Draft202012Validator(schema).iter_errors(data)
    found = min(wrong, key=lambda error: len(error.absolute_path), default=None)
    if found is not None:
        where = ".".join(str(step) for step in found.absolute_path) or "the file"
        raise ValueError(f"is no result of a load run: {where}: {_short(found.message)}")
    _same_length("series", data["series"])
    _same_length("control.series", data["control"] and data["control"]["series"])


def _short(message: str, most: int = 160) -> str:
    return message if len(message) <= most else f"{message[:most]} …"


def _same_length(name: str, series: Mapping[str, Any] | None) -> None:
    for key, values in _lists(series or {}):
        if len(values) != len((series or {})["arrivals"]):
            raise ValueError(f"is no result of a load run: {name}.{key} is not as long as {name}.arrivals")


def _lists(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Sequence[Any]]]:
    found: list[tuple[str, Sequence[Any]]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _lists(value, f"{before}{key}.")
        elif isinstance(value, list):
            found.append((before + key, value))
    return found
