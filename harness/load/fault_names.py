"""The faults of ``harness.faults`` by name, found by looking at the classes; nothing here knows one of them.

A fault's name is its class's in small letters (``answer-lost``), its parameters are the class's fields.  One whose
name ends with ``_s`` is a duration and is written without that ending, with a unit (``target = "2 s"``).  A fault
that takes anything but texts and numbers cannot be written down and is left out.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import harness.faults
from harness.faults import Fault
from harness.load import units

HOPS = ("upstream", "postgres", "redis")
DURATION = "_s"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 - one kind of complaint for whoever reads a file
    return value


def _hop(value: object) -> str:
    if value not in HOPS:
        raise ValueError(f"there is no hop {value!r}; there are {', '.join(HOPS)}")
    return str(value)


READERS: Mapping[str, Callable[[object], Any]] = {
    "str": _text,
    "int": lambda value: int(units.number(value)),
    "float": units.number,
}


@dataclass(frozen=True)
class FaultName:
    """A kind of fault that can be written in a file, and how to read its parameters."""

    name: str
    kind: type[Any]
    readers: Mapping[str, tuple[str, Callable[[object], Any]]]  # by the key in the file: field, and how it is read
    required: tuple[str, ...]

    def make(self, written: Mapping[str, object]) -> Fault:
        """The fault with these parameters.  Raises ValueError, whose message names the parameter."""
        for key in written:
            if key not in self.readers:
                known = ", ".join(self.readers) or "none"
                raise ValueError(f"{self.name} has no parameter {key!r}; it has {known}")
        for key in self.required:
            if key not in written:
                raise ValueError(f"{self.name} needs {key}")
        return cast("Fault", self.kind(**dict(self._read(key, value) for key, value in written.items())))

    def _read(self, key: str, value: object) -> tuple[str, Any]:
        field, read = self.readers[key]
        try:
            return field, read(value)
        except ValueError as exc:
            raise ValueError(f"{key}: {exc}") from exc


@functools.cache
def known() -> Mapping[str, FaultName]:
    """Every fault that can be written in a file, by name."""
    return {found.name: found for found in sorted(_found(), key=lambda found: found.name)}


def _found() -> Iterator[FaultName]:
    for module in pkgutil.walk_packages(harness.faults.__path__, "harness.faults."):
        importlib.import_module(module.name)
        yield from _in(module.name)
    yield from _in("harness.faults")


def _in(module: str) -> Iterator[FaultName]:
    for name, kind in inspect.getmembers(importlib.import_module(module), inspect.isclass):
        is_fault = dataclasses.is_dataclass(kind) and callable(getattr(kind, "inject", None))
        if is_fault and kind.__module__ == module and not name.startswith("_"):
            found = _named(name, kind)
            if found is not None:
                yield found


def _named(name: str, kind: type[Any]) -> FaultName | None:
    fields = [field for field in dataclasses.fields(kind) if field.init]
    if any(field.type not in READERS for field in fields):
        return None
    readers = {field.name.removesuffix(DURATION): (field.name, _reader(field)) for field in fields}
    required = [
        field.name.removesuffix(DURATION)
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return FaultName(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(), kind, readers, tuple(required))


def _reader(field: dataclasses.Field[Any]) -> Callable[[object], Any]:
    if field.name == "hop":
        return _hop
    if field.name.endswith(DURATION) and field.type == "float":
        return units.seconds
    return READERS[str(field.type)]
