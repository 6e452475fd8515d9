"""What a target logged of a request, in our words: its contract says how it calls them.

Law: a line belongs to a request by the request id its answer carried, or, where no answer came, by its path; whoever
lets a request end without an answer gives it a path of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from harness.contract.model import Contract, Happened, LogLine
from harness.errors import NotPromised
from harness.target.running import RunningTarget
from harness.traffic.exchange import Exchange, Headers

Kind = Literal["start", "end", "retry", "unverified"]
Line = dict[str, Any]


class Journal:
    """The lines of ``target``, read by the names of ``contract``."""

    def __init__(self, contract: Contract, target: RunningTarget) -> None:
        self._contract = contract
        self._target = target

    def lines(self, kind: Kind, exchange: Exchange) -> list[Line]:
        """The lines of this kind about the request, with our names; a field that is not there is None.

        NotPromised where the contract has no such line.
        """
        form = self.form(kind)
        ids = self._ids(exchange)
        told = [_told(line, form) for line in self._json() if _is(line, form.where)]
        return [line for line in told if line.get("request_id") in ids]

    def of_id(self, request_id: str) -> list[Line]:
        """The start and end lines of the request with this id, with our names."""
        forms = [self.form(kind) for kind in ("start", "end") if self.promised(kind)]
        told = [_told(line, form) for line in self._json() for form in forms if _is(line, form.where)]
        return [line for line in told if line.get("request_id") == request_id]

    def id_in(self, headers: Headers) -> str | None:
        """The request id that an answer carried."""
        name = self._contract.identity.request_id if self._contract.identity else None
        return headers.get(name) if name else None

    def form(self, kind: Kind) -> LogLine:
        """How the contract describes this kind of line."""
        form: LogLine | None = getattr(self._contract.logging, kind, None)
        if form is None:
            raise NotPromised(f"logging.{kind} is not in the target's contract")
        return form

    def promised(self, kind: Kind) -> bool:
        """Whether there is to be such a line."""
        return self._contract.promises(f"logging.{kind}")

    def words(self, *happened: Happened) -> list[str]:
        """How the target calls any of this; empty where the contract says nothing of it."""
        return [word for one in happened for word in self._contract.words.get(one, ())]

    def _json(self) -> Iterator[Line]:
        return (line for line in self._target.lines() if isinstance(line, dict))

    def _ids(self, exchange: Exchange) -> set[object]:
        told = self.id_in(exchange.headers)
        if told:
            return {told}
        forms = [self.form(kind) for kind in ("start", "end") if self.promised(kind)]
        lines = [_told(line, form) for line in self._json() for form in forms if _is(line, form.where)]
        return {line["request_id"] for line in lines if str(line.get("path")).endswith(exchange.path)}


def is_object(line: str) -> bool:
    """Whether a line is one JSON object, and says each thing once: of two readers of a name that stands in it twice
    each may believe another (RFC 8259 section 4)."""
    try:
        return isinstance(json.loads(line, object_pairs_hook=_once), dict)
    except ValueError:
        return False


def _once(pairs: list[tuple[str, Any]]) -> Line:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name that stands there twice")
    return dict(pairs)


def _is(line: Mapping[str, Any], where: Mapping[str, str]) -> bool:
    return all(_at(line, name) == value for name, value in where.items())


def _told(line: Mapping[str, Any], form: LogLine) -> Line:
    return {ours: _at(line, theirs) for ours, theirs in form.fields.items()}


def _at(line: Mapping[str, Any], name: str) -> Any:
    value: Any = line
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
