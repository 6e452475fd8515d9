"""What can be wrong with PostgreSQL or Redis, in words that give nothing away.

Law: a foreign exception is translated once, at the seam (`postgres`, `cache`), from a table, and never shown.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Literal

Outcome = Literal["failed", "unknown"]
Words = Sequence[tuple[type[BaseException], str]]

NO_ANSWER = "gave no answer in time"
LOST = "lost the connection"

# First match wins: TimeoutError and gaierror are OSErrors, too.
NETWORK: Words = (
    (ConnectionRefusedError, "refused the connection"),
    (ConnectionResetError, "reset the connection"),
    (BrokenPipeError, LOST),
    (socket.gaierror, "has a host name that is unknown"),
    (TimeoutError, NO_ANSWER),
)
ERRNOS = {
    errno.ECONNREFUSED: "refused the connection",
    errno.ECONNRESET: "reset the connection",
    errno.ETIMEDOUT: NO_ANSWER,
    errno.EHOSTUNREACH: "is unreachable",
    errno.ENETUNREACH: "is unreachable",
}


class DependencyDown(Exception):
    """A dependency did not do its part.

    ``outcome`` is ``failed`` when nothing of the request can have taken effect, ``unknown`` when the answer to a
    COMMIT was lost.
    """

    def __init__(self, dependency: str, reason: str, outcome: Outcome = "failed") -> None:
        super().__init__(f"{dependency} {reason}")
        self.dependency = dependency
        self.reason = reason
        self.outcome = outcome

    def for_the_log(self) -> dict[str, str]:
        """The cause's class and words, for those who run the backend."""
        cause = self.__cause__
        if cause is None:
            return {}
        return {"cause": type(cause).__name__, "message": str(cause)}


def reason_for(error: BaseException, words: Words, otherwise: str) -> str:
    """Say what ``error``, or what lies behind it, means: by ``words``, then as a network failure."""
    for link in _chain(error):
        for kind, said in (*words, *NETWORK):
            if isinstance(link, kind):
                return said
        if isinstance(link, OSError) and (said := ERRNOS.get(_errno(link) or 0, "")):
            return said
    return otherwise


def _chain(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what caused it; redis-py keeps the errno only in ``__context__``."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _errno(error: OSError) -> int | None:
    """The errno; for a dual-stack name, asyncio folds them into a text ("Multiple exceptions: [Errno 111] …")."""
    if error.errno is not None:
        return error.errno
    found = re.search(r"\[Errno (\d+)\]", str(error))
    return int(found[1]) if found else None
