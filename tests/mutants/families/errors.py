"""Mistakes about the error body: the status, the words, the details and the standard's names."""

from __future__ import annotations

import dataclasses
from typing import Any

from proxy_under_test import app
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.errors import ErrorWriter
from proxy_under_test.forward import Parts
from proxy_under_test.reply import Reply
from proxy_under_test.transport import Incoming, Outgoing
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Upstream
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, answering, around, error_bodies, error_details, parts


@mutant("error-refused retry-exhausted")
def refused_answered_500() -> None:
    """The exception of a refused connection is not caught where it should be, and becomes a 500."""
    answering(Cause.REFUSED, status=500)


@mutant("error-refused retry-exhausted")
def refused_answered_502() -> None:
    """A refused connection is answered 502, as other proxies do, against the document."""
    answering(Cause.REFUSED, status=502)


@mutant("error-refused error-shape")
def refused_under_another_title() -> None:
    """The title was improved, and a client that looks for the documented one finds nothing."""
    answering(Cause.REFUSED, title="Backend Connection Refused")


@mutant("error-shape")
def errors_as_text() -> None:
    """The JSON is sent as text/plain, and no client parses it."""

    @around(ErrorWriter, "headers")
    def _(write: Change, *args: Any) -> list[tuple[bytes, bytes]]:
        return [(b"content-type", b"text/plain"), *write(*args)[1:]]


@mutant("error-shape")
def no_request_id_on_errors() -> None:
    """The request's id is put on answers that pass through and forgotten on those the proxy makes."""

    @around(Reply, "error")
    async def _(error: Change, self: Reply, *args: Any) -> None:
        self._common = [header for header in self._common if header[0] != b"x-request-id"]
        await error(self, *args)


@mutant("error-shape error-refused error-timeout")
def flat_envelope() -> None:
    """The details stand beside the title and not in an object of their own."""
    error_bodies(lambda body: {**body.pop("details"), **body})


@mutant("error-other error-shape")
def class_name_as_code() -> None:
    """The error's code is the name of the exception's class."""
    error_details(lambda details: details.update(errorCode="UpstreamFailure"))


@mutant("error-other error-shape")
def one_code_for_all() -> None:
    """Every failure but the timeout is called ECONNREFUSED."""
    answering(Cause.RESET, Cause.CLOSED, Cause.HEAD_CUT, Cause.HEAD_MALFORMED, Cause.DNS, code="ECONNREFUSED")
    answering(Cause.UNAVAILABLE, code="unavailable")


@mutant("error-refused error-timeout")
def duration_in_seconds() -> None:
    """The duration is told in seconds where milliseconds are documented."""
    error_details(lambda details: details.update(duration=details["duration"] / 1000))


@mutant("error-timeout")
def limit_not_told() -> None:
    """The timeout error does not say what the limit was."""
    error_details(lambda details: details.pop("timeout", None) and None)


@mutant("error-refused")
def no_suggestion() -> None:
    """The refused error does not say how to start the backend."""
    answering(Cause.REFUSED, suggestion="")


@mutant("error-refused")
def address_not_told() -> None:
    """The refused error does not say which address was tried."""
    error_details(lambda details: details.pop("apiUrl", None) and None)


@mutant("error-unavailable")
def health_flag_missing() -> None:
    """The health gate's error cannot be told from another 503."""
    answering(Cause.UNAVAILABLE, health_check_failed=False)


@mutant("health-down error-unavailable")
def unavailable_told_as_refused() -> None:
    """One error object is made for every 503, the refused one."""

    @parts
    def _(made: Parts) -> None:
        made.answers = {**made.answers, Cause.UNAVAILABLE: made.answers[Cause.REFUSED]}


@mutant("error-proxy-status")
def no_proxy_status() -> None:
    """Proxy-Status is left to the servers further out."""
    answering(proxy_error="")


@mutant("error-proxy-status overload-killed")
def one_proxy_status_for_all() -> None:
    """Every failure has the same Proxy-Status type."""
    answering(proxy_error="proxy_internal_error")


@mutant("error-proxy-status")
def cut_head_told_as_malformed() -> None:
    """What the parser cannot finish is told as what it cannot read: half a head is no HTTP."""
    answering(Cause.HEAD_CUT, proxy_error="http_protocol_error")


@mutant("error-other")
def unknown_name_told_as_no_destination() -> None:
    """An unknown name is told as a destination that was not found, which RFC 9209 keeps for the proxy's own table."""
    answering(Cause.DNS, proxy_error="destination_not_found")


def _crash_on(cause: Cause) -> None:
    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        try:
            response: Incoming = await send(self, request)
        except UpstreamFailure as failure:
            if failure.cause is cause:
                raise RuntimeError(str(failure)) from failure
            raise
        return response


@mutant("error-other error-shape")
def garbage_is_a_crash() -> None:
    """The parser's exception is caught nowhere: an answer that is not HTTP becomes a 500."""
    _crash_on(Cause.HEAD_MALFORMED)


@mutant("error-other")
def unknown_name_is_a_crash() -> None:
    """The resolver's exception is caught nowhere: a name that does not resolve becomes a 500."""
    _crash_on(Cause.DNS)


@mutant("error-other")
def https_ignored() -> None:
    """The scheme of the upstream's URL is not looked at: secrets meant for TLS go out in plain text."""

    @around(app, "locate")
    def _(locate: Change, url: str) -> Upstream:
        found: Upstream = locate(url)
        return dataclasses.replace(found, tls=None)
