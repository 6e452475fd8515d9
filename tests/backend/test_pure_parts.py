"""What needs no process: reading URLs, and putting failures into words."""

from __future__ import annotations

import asyncio
import errno

import asyncpg
import pytest

from harness.backend.dependencies import reason_for
from harness.backend.dsn import parse_database_url
from harness.backend.health import Probe
from harness.backend.passwords import NOBODY, hash_password, matches
from harness.backend.postgres import FAILURES, is_failure, translated


def test_guides_database_url_is_read() -> None:
    """
    The guide's DATABASE_URL gives the driver's URL without the schema, and the schema.
    """
    database = parse_database_url("postgresql://sora2user:sora2pass@localhost:5432/sora2?schema=public")

    assert database.dsn == "postgresql://sora2user:sora2pass@localhost:5432/sora2"
    assert database.quoted_schema == '"public"'


def test_schema_cannot_break_out_of_its_quotes() -> None:
    """
    A quote in the schema's name stays within the SQL identifier.
    """
    database = parse_database_url('postgresql://h/d?schema=a"; DROP TABLE users; --')

    assert database.quoted_schema == '"a""; DROP TABLE users; --"'


@pytest.mark.parametrize(
    "url",
    ["", "sora2", "mysql://h/d", "postgresql:///d", "postgresql://h", "postgresql://h:0/d", "postgresql://h:x/d"],
)
def test_url_that_cannot_work_is_refused(url: str) -> None:
    """
    A URL without scheme, host, database or a possible port is refused before anything starts.
    """
    with pytest.raises(ValueError, match="must"):
        parse_database_url(url)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused the connection"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] …"),
            "refused the connection",
        ),
        (TimeoutError(), "gave no answer in time"),
        (OSError(errno.EHOSTUNREACH, "x"), "is unreachable"),
        (RuntimeError("SELECT secret"), "lost the connection"),
    ],
)
def test_failures_are_put_into_words(error: Exception, said: str) -> None:
    """
    A network failure, also a dual-stack name's, gets words that show nothing of its text.
    """
    assert reason_for(error, (), "lost the connection") == said


def test_reason_is_found_behind_the_exception() -> None:
    """
    Where a driver hides the socket's error behind its own, the socket's error decides.
    """
    hidden = ValueError("driver")
    hidden.__context__ = ConnectionResetError(errno.ECONNRESET, "x")

    assert reason_for(hidden, (), "lost the connection") == "reset the connection"


async def _roundtrip() -> tuple[bool, bool, bool]:
    hashed = await hash_password("correct horse")
    return await matches("correct horse", hashed), await matches("wrong", hashed), await matches("", NOBODY)


def test_only_the_password_matches_its_hash() -> None:
    """
    A hash matches its password and no other; nobody's hash matches nothing.
    """
    assert asyncio.run(_roundtrip()) == (True, False, False)


async def _asked_at_once(askers: int, rounds: int) -> set[str]:
    async def ask() -> str:
        await asyncio.sleep(0)
        return "ok"

    probe = Probe("postgres", ask, within_s=5.0)

    async def keep_asking() -> list[str]:
        return [await probe.state() for _ in range(rounds)]

    return {state for states in await asyncio.gather(*(keep_asking() for _ in range(askers))) for state in states}


def test_askers_that_overlap_all_hear_the_answer() -> None:
    """
    Whoever asks for the health while another's probe ends and a new one begins hears an answer, never a time-out.
    """
    seen = asyncio.run(_asked_at_once(askers=8, rounds=50))

    assert {"ok"} == seen


def test_a_farewell_between_two_statements_is_a_lost_connection() -> None:
    """
    asyncpg calls it an error of its own when the server ends a session while no statement is under way.
    """
    met = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    assert is_failure(met)
    assert isinstance(met, FAILURES)
    assert translated(met).reason == "lost the connection"
