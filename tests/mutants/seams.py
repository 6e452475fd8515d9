"""How a mutant changes the proxy: by replacing what stands at a seam, or putting something around it.

Law: a seam that is gone is an error, so that no mutant turns into the reference unnoticed.  Everything can be undone
by ``unittest.mock.patch.stopall``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from unittest import mock

import proxy_under_test.__main__ as program
from proxy_under_test.causes import Cause
from proxy_under_test.forward import Parts
from proxy_under_test.headers import Header
from proxy_under_test.server import life

Change: TypeAlias = Callable[..., Any]


def replace(owner: object, name: str, value: object) -> None:
    """Put ``value`` in the place of ``owner.name``.  AttributeError when there is no such seam."""
    mock.patch.object(owner, name, value).start()


def around(owner: object, name: str) -> Callable[[Change], None]:
    """Put the decorated function in the place of ``owner.name``; it is given what stood there, then the arguments."""

    def put(change: Change) -> None:
        original = getattr(owner, name)

        def changed(*args: Any, **kwargs: Any) -> Any:
            return change(original, *args, **kwargs)

        replace(owner, name, functools.update_wrapper(changed, original))

    return put


def parts(change: Callable[[Parts], None]) -> None:
    """Change the parts a proxy is made of, once they are put together."""

    @around(life, "make_parts")
    def _(make: Change, *args: Any) -> Parts:
        made: Parts = make(*args)
        change(made)
        return made


def request_headers(change: Callable[[list[Header]], Sequence[Header]]) -> None:
    """Change the headers that go upstream, as the proxy has written them."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_request
        made.forward_request = lambda *args: list(change(write(*args)))


def response_headers(change: Callable[[list[Header]], Sequence[Header]]) -> None:
    """Change the headers that go to the client, as the proxy has written them."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_response
        made.forward_response = lambda *args: list(change(write(*args)))


def deciding(change: Change) -> None:
    """Put the decorated function around the retry policy; it is given the policy, then the policy's arguments."""

    @parts
    def _(made: Parts) -> None:
        made.decide = functools.partial(change, made.decide)


def answering(*causes: Cause, **fields: object) -> None:
    """Answer these causes (all, when none is named) with other ``fields`` of `proxy_under_test.errors.Answer`."""

    @parts
    def _(made: Parts) -> None:
        changed: dict[str, Any] = dict(fields)
        answers = dict(made.answers)
        for cause in causes or tuple(answers):
            answers[cause] = dataclasses.replace(answers[cause], **changed)
        made.answers = answers


def settings(**values: object) -> None:
    """Serve with these settings, whatever the environment says."""

    @around(program, "load_settings")
    def _(load: Change) -> Any:
        return load().model_copy(update=values)


def error_details(change: Callable[[dict[str, Any]], None]) -> None:
    """Change the ``details`` of every error body in place."""

    def with_details(body: dict[str, Any]) -> None:
        change(body["details"])

    error_bodies(with_details)


def error_bodies(change: Callable[[dict[str, Any]], Any]) -> None:
    """Change every error body in place, or put what ``change`` returns in its place."""
    import orjson

    from proxy_under_test.errors import ErrorWriter

    @around(ErrorWriter, "body")
    def _(write: Change, *args: Any) -> bytes:
        body = orjson.loads(write(*args))
        other = change(body)
        return orjson.dumps(body if other is None else other)
