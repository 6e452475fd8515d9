"""Mistakes about production: what is shown that must be hidden, and hidden that should be shown."""

from __future__ import annotations

import dataclasses
from typing import Any

from proxy_under_test.errors import ErrorWriter
from proxy_under_test.forward import Exchange, Forwarder, Parts
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, error_bodies, error_details, parts


@mutant("error-production")
def production_not_recognised() -> None:
    """NODE_ENV is compared with "prod", so production shows what development shows."""

    @parts
    def _(made: Parts) -> None:
        made.writer = dataclasses.replace(made.writer, production=False)


@mutant("error-production")
def stack_in_production() -> None:
    """The error handler adds the stack without asking where it runs."""
    trace = 'Traceback (most recent call last):\n  File "/srv/proxy/forward.py", line 155, in _serve\n'
    error_details(lambda details: details.update(stack=trace))


@mutant("error-production")
def address_in_production() -> None:
    """The address is hidden among the details and stands in the message, as Node writes it."""

    @around(ErrorWriter, "body")
    def _(write: Change, self: ErrorWriter, answer: Any, about: Any) -> Any:
        where = self.api_url.partition("://")[2]
        return write(self, dataclasses.replace(answer, message=f"connect {answer.code} {where}"), about)


@mutant("error-production")
def port_in_production() -> None:
    """The message is the text of the exception, which names host and port in its own way."""

    @around(ErrorWriter, "body")
    def _(write: Change, self: ErrorWriter, answer: Any, about: Any) -> Any:
        host, _, port = self.api_url.rpartition("://")[2].partition(":")
        text = f"[Errno 111] Connect call failed ('{host}', {port})"
        return write(self, dataclasses.replace(answer, message=text), about)


@mutant("error-production")
def request_shown_in_the_error() -> None:
    """The error carries the request's headers for easier debugging, and with them its credentials."""
    asked: list[Exchange] = []

    @around(Forwarder, "_answer")
    async def _(answer: Change, self: Forwarder, exchange: Exchange, failure: BaseException) -> None:
        asked[:] = [exchange]
        await answer(self, exchange, failure)

    @error_bodies
    def _(body: dict[str, Any]) -> None:
        fields = asked[0].arrival.headers if asked else ()
        body["details"]["request"] = {name.decode(): value.decode("latin-1") for name, value in fields}


@mutant("error-development error-refused")
def development_hides_all() -> None:
    """What production hides is hidden everywhere, and nobody finds the cause."""

    @parts
    def _(made: Parts) -> None:
        made.writer = dataclasses.replace(made.writer, production=True)
