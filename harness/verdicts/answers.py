"""Claims about what the client saw: status, the documented error, headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema

from harness.contract.model import ErrorKind, ErrorPromise
from harness.errors import NotPromised
from harness.traffic.exchange import Exchange
from harness.verdicts.claims import Claims
from harness.verdicts.standard import TYPES, error_type, judge, judge_body, judge_rule

# The envelope of every error (docs/contract.md, 5): nothing else may stand at the top, and these types hold.
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error", "message", "details"],
    "additionalProperties": False,
    "properties": {
        "error": {"type": "string", "minLength": 1},
        "message": {"type": "string", "minLength": 1},
        "details": {
            "type": "object",
            "properties": {
                "apiUrl": {"type": "string"},
                "errorCode": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]+$"},
                "suggestion": {"type": "string"},
                "retries": {"type": "integer", "minimum": 0},
                "duration": {"type": "number", "minimum": 0},
                "timeout": {"type": "number", "exclusiveMinimum": 0},
                "healthCheckFailed": {"type": "boolean"},
            },
        },
    },
}


class Answers(Claims):
    """Claims about answers."""

    def status(self, exchange: Exchange, status: int) -> None:
        """The client saw this status, and a whole answer."""
        self.that(exchange.status == status and exchange.complete, f"status {status}", seen(exchange))

    def served(self, exchange: Exchange) -> None:
        """The client saw 200 and a whole body."""
        self.status(exchange, 200)

    def broken_body(self, exchange: Exchange) -> None:
        """The client could tell that the body is not whole (RFC 9112 section 8)."""
        broken = exchange.error in ("incomplete body", "reset")
        self._case.standards.append(judge_body(self.proxy_status(exchange), broken=broken))
        self.that(broken, "a visibly broken body", seen(exchange))

    def error(self, exchange: Exchange, kind: ErrorKind, *, types: Sequence[str] = ()) -> dict[str, Any]:
        """The contract's error of this kind: status, title, code and details; returns the details.

        Also judges the answer by RFC 9209, which decides nothing; ``types`` are its names for this very failure.
        Raises NotPromised when the contract has none.
        """
        promise = self._rig.contract.errors.get(kind)
        if promise is None:
            raise NotPromised(f"errors.{kind} is not in the target's contract")
        self._judge(exchange, types or TYPES[kind])
        self.status(exchange, promise.status)
        return self._body(exchange, promise)

    def failed(self, exchange: Exchange, *kinds: ErrorKind, types: Sequence[str] = ()) -> None:
        """One of the contract's errors of these kinds; where it has none of them, any whole 5xx (RFC 9110 15.6)."""
        promised = [kind for kind in kinds if kind in self._rig.contract.errors]
        types = types or [type_ for kind in kinds for type_ in TYPES[kind]]
        if not promised:
            self._judge(exchange, types)
            self.that(500 <= (exchange.status or 0) <= 599 and exchange.complete, "an error (5xx)", seen(exchange))
            return
        self.error(exchange, self._closest(exchange, promised), types=types)

    def _closest(self, exchange: Exchange, kinds: Sequence[ErrorKind]) -> ErrorKind:
        """The kind that the answer is, or comes nearest to: by status and title, else by status."""
        errors = self._rig.contract.errors
        alike = [kind for kind in kinds if errors[kind].status == exchange.status]
        if len(alike) > 1:
            title = exchange.json().get("error")
            alike = [kind for kind in alike if errors[kind].error == title] or alike
        return next(iter(alike), kinds[0])

    def failed_as(self, exchange: Exchange, kind: ErrorKind, *, types: Sequence[str] = ()) -> None:
        """The status of the contract's error of this kind, whatever its body tells (production hides most of it)."""
        self._judge(exchange, types or TYPES[kind])
        self.status(exchange, self._rig.contract.errors[kind].status)

    def named(self, exchange: Exchange, types: Sequence[str]) -> None:
        """What the proxy calls the failure, if it calls it anything, is one of RFC 9209's ``types``."""
        self._judge(exchange, types)
        self.one_of("RFC 9209's type", (None, *types), self.proxy_status(exchange))

    def failed_or_broken(self, exchange: Exchange, *, types: Sequence[str] = ()) -> None:
        """The error of a failed request, or, where a head had been passed on, a visibly broken body."""
        if exchange.status is None or exchange.status >= 500:
            self.failed(exchange, "failed", types=types)
        else:
            self.broken_body(exchange)

    def failed_or_allowed(
        self, exchange: Exchange, rule: str, source: str, *, holds: bool, types: Sequence[str]
    ) -> bool:
        """The error of a failed request; or a 200 by a ``rule`` of a standard that ``holds``; whether the latter."""
        if exchange.status != 200:
            self.failed(exchange, "failed", types=types)
            return False
        self.rule(rule, source, holds=holds)
        self.that(holds, f"an error, or {rule}", f"{seen(exchange)} with the body {exchange.body[:200]!r}")
        return True

    def failed_or_mended(
        self, exchange: Exchange, name: str, value: str | None, *, types: Sequence[str] = ()
    ) -> bool:
        """The error of a failed request; or a whole 200 where the field that was odd stands once with this value.

        Spaces do not count; None: it is mended by dropping it.  Returns whether it was mended.
        """
        if exchange.status != 200:
            self.failed(exchange, "failed", types=types)
            return False
        self.served(exchange)
        expected = [] if value is None else [value]
        self.equal(f"field {name}", expected, [found.replace(" ", "") for found in exchange.headers.get_all(name)])
        return True

    def rule(self, name: str, source: str, *, holds: bool) -> None:
        """Record whether a rule of a standard holds; decides nothing."""
        self._case.standards.append(judge_rule(name, source, agrees=holds))

    def _judge(self, exchange: Exchange, types: Sequence[str]) -> None:
        self._case.standards.append(judge(types, exchange.status, self.proxy_status(exchange)))

    def _body(self, exchange: Exchange, promise: ErrorPromise) -> dict[str, Any]:
        if promise.error is None and promise.code is None and not promise.details:
            return {}  # of its body nothing is promised
        body = exchange.json()
        body = body if isinstance(body, dict) else {}
        details = body.get("details")
        details = details if isinstance(details, dict) else {}
        if promise.error is not None:
            self.equal("error", promise.error, body.get("error"))
        if promise.code is not None:
            self.equal("errorCode", promise.code, details.get("errorCode"))
        missing = [name for name in promise.details if name not in details]
        self.that(not missing, f"details {', '.join(promise.details)}", f"details {', '.join(details) or 'none'}")
        return details

    def promised(self, kind: ErrorKind, detail: str) -> bool:
        """Whether the contract promises this detail of the error."""
        promise = self._rig.contract.errors.get(kind)
        return promise is not None and detail in promise.details

    def retries_told(self, kind: ErrorKind, details: Mapping[str, Any], count: int) -> None:
        """The error's ``details.retries``, where that is promised."""
        if self.promised(kind, "retries"):
            self.equal("retries", count, details.get("retries"))

    def code_told(self, kind: ErrorKind, details: Mapping[str, Any], starts: tuple[str, ...]) -> None:
        """The error's ``details.errorCode`` begins with one of ``starts``, where that detail is promised."""
        if self.promised(kind, "errorCode"):
            self.begins("errorCode", starts, details.get("errorCode"))

    def backoff(self, exchange: Exchange) -> None:
        """The answer says when to come back, where the contract promises that."""
        if self._rig.contract.promises("health.backoff"):
            self.header_present(exchange, "retry-after")

    def schema(self, exchange: Exchange) -> None:
        """The body is JSON of the one schema every error has."""
        self.equal("content type", "application/json", (exchange.headers.get("content-type") or "").partition(";")[0])
        found = next(iter(jsonschema.Draft202012Validator(ERROR_SCHEMA).iter_errors(exchange.json())), None)
        actual = f"{found.json_path}: {found.message}" if found else "a body of the schema"
        self.that(found is None, "a body of the error schema", actual)

    def proxy_status(self, exchange: Exchange) -> str | None:
        """The error type in ``Proxy-Status`` (RFC 9209), or None."""
        return error_type(exchange.headers.get("proxy-status"))

    def header(self, exchange: Exchange, name: str, value: str | None) -> None:
        """The field stands once with this value; None: not at all."""
        expected = [] if value is None else [value]
        self.equal(name, expected, exchange.headers.get_all(name))

    def header_present(self, exchange: Exchange, name: str) -> None:
        """The field stands and is not empty."""
        self.that(
            bool(exchange.headers.get(name)),
            f"a {name} header",
            f"headers {sorted({k for k, _ in exchange.headers})}",
        )

    def has_token(self, exchange: Exchange, name: str, token: str) -> None:
        """The list field has this member, compared without case."""
        members = [part.strip() for value in exchange.headers.get_all(name) for part in value.split(",")]
        self.that(token.lower() in [member.lower() for member in members], f"{token} in {name}", f"{name} {members}")


def seen(exchange: Exchange) -> str:
    """What the client saw, in words."""
    said = ""
    if (exchange.status or 0) >= 400 and exchange.body[:1] == b"{" and exchange.complete:
        body = exchange.json()
        said = f" {body.get('error')!r} ({body.get('message')!r})"
    return f"{'status ' if exchange.status else ''}{exchange.summary()}{said}"
