"""Request bodies, read as Go's encoding/json reads them, with its words for what is wrong.

Field names match without regard to case, unknown ones are ignored, null leaves a field as it was, and what follows
the first value is not looked at.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from harness.toxiproxy.server.errors import bad_body

INT64 = range(-(1 << 63), 1 << 63)
Fields = Mapping[str, object]


class _Decimal(float):
    """A number that was not written as an integer; it remembers how it was written."""

    text: str


def _decimal(text: str) -> _Decimal:
    number = _Decimal(text)
    number.text = text
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"invalid character '{text[0]}' looking for beginning of value")


_DECODER = json.JSONDecoder(parse_float=_decimal, parse_constant=_refuse)


def parse(body: bytes) -> object:
    """The first JSON value in ``body``.  Raises ApiError 400."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise bad_body("EOF")
    try:
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise bad_body(_syntax(error, text)) from None
    except RecursionError:
        raise bad_body("exceeded max depth") from None
    except ValueError as error:
        raise bad_body(str(error)) from None
    return value


def _syntax(error: json.JSONDecodeError, text: str) -> str:
    if error.pos >= len(text) or "Unterminated" in error.msg:
        return "unexpected EOF"
    return f"invalid character '{text[error.pos]}' looking for {_WANTED.get(error.msg, error.msg)}"


_WANTED = {
    "Expecting value": "beginning of value",
    "Expecting property name enclosed in double quotes": "beginning of object key string",
}


def _string(value: object) -> str | None:
    if isinstance(value, str):  # half of a surrogate pair has no UTF-8
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return None


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _int64(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value in INT64 else None


def float32(value: object) -> float | None:
    """The shortest decimal that is the same single-precision number, as Go prints it; None if there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        return None
    if math.isinf(value):  # what was written is more than a double holds
        return None
    for digits in range(6, 10):
        short = float(f"{struct.unpack('<f', packed)[0]:.{digits}g}")
        if struct.pack("<f", short) == packed:
            break
    return short


def _object(value: object) -> dict[str, object] | None:
    return value if isinstance(value, dict) else None


NOTHING_YET = "toxics.NoopToxic"  # what Go reads attributes into as long as it does not know of which toxic they are

KINDS: Mapping[str, Callable[[object], object]] = {
    "string": _string,
    "bool": _bool,
    "int64": _int64,
    "float32": float32,
    NOTHING_YET: _object,
}


def fields(value: object, kinds: Mapping[str, str], *, owner: str, whole: str, path: str = "") -> dict[str, Any]:
    """The fields of ``kinds`` (name → Go type) that the object ``value`` sets.

    ``owner`` and ``whole`` are what Go calls the structure in its messages.  Raises ApiError 400.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body(f"json: cannot unmarshal {kind(value)} into Go {whole}")
    found: dict[str, Any] = {}
    for key, given in value.items():
        name = key if key in kinds else key.lower()
        if name not in kinds or given is None:
            continue
        found[name] = KINDS[kinds[name]](given)
        if found[name] is None:
            raise bad_body(
                f"json: cannot unmarshal {kind(given, kinds[name])} into Go struct field "
                f"{owner}.{path}{name} of type {kinds[name]}"
            )
    return found


def kind(value: object, wanted: str = "") -> str:
    """What Go calls a JSON value; a number of the wrong range is named."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        text = value.text if isinstance(value, _Decimal) else str(value)
        return f"number {text}" if wanted in ("int64", "float32") else "number"
    return _NAMES.get(type(value), "null")


_NAMES: Mapping[type, str] = {str: "string", list: "array", dict: "object"}


def dump(value: object) -> bytes:
    """JSON as Go writes it: compact, UTF-8, ``<``, ``>`` and ``&`` escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escape in _ESCAPES:
        text = text.replace(char, escape)
    return text.encode()


_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
