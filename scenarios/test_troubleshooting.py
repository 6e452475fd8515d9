"""Troubleshooting: a port in use, a bad setting, PostgreSQL and Redis that are down, slow or cut off."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack

import pytest

from harness.errors import NotPromised
from harness.faults import Fault
from harness.faults.database import Full, ReadOnly, Restarted, SessionsEnded
from harness.faults.link import AnswerReset, BlackHole, Latency, Refused
from harness.rig import Rig
from harness.system import BALANCE, System
from harness.target import placeholders
from harness.verdicts.expect import Expect


@pytest.mark.error_path("port-in-use")
def test_a_proxy_whose_port_is_taken_says_so(rig: Rig, expect: Expect) -> None:
    """A proxy whose port is taken ends within 2 s, and says which port, who holds it, how to take another."""
    setting = _variable(rig, "port")

    ended = rig.start_on_a_taken_port()

    expect.that(ended.code != 0, "an exit code other than 0", f"exit code {ended.code}")
    expect.ended_within(ended, rig.process.port_in_use_within_s or 0)
    for part in (str(ended.port), setting):
        expect.contains("message", ended.output, part)
    told = re.search(rf"\b(lsof|ss|fuser|netstat|{os.getpid()})\b", ended.output)  # it is we who hold it
    expect.that(bool(told), "its holder, or how to find it", ended.output[-200:])


@pytest.mark.error_path("port-in-use")
def test_a_backend_whose_port_is_taken_says_so(system: System, expect: Expect) -> None:
    """The backend does the same."""
    ended = system.start_backend_on_a_taken_port()

    expect.that(ended.code != 0, "an exit code other than 0", f"exit code {ended.code}")
    expect.ended_within(ended, system.process.port_in_use_within_s or 0)
    for part in (str(ended.port), "lsof", "PORT="):
        expect.contains("message", ended.output, part)


@pytest.mark.error_path("database-down")
@pytest.mark.expiring_health
def test_a_database_that_is_down_makes_the_api_unavailable(system: System, expect: Expect) -> None:
    """With PostgreSQL refusing, the backend's health names it, the proxy says unavailable, and both recover."""
    system.until_health(200)
    known = len(system.backend_log())

    with system.broken(Refused("postgres")):
        direct = system.until_health(503)
        system.cold()
        exchange = system.get(BALANCE)
        logged = system.backend_log()[known:]

    expect.contains("backend health", direct.text, "postgres")
    expect.error(exchange, "unavailable")
    expect.contains("backend log", logged, "postgres")
    expect.recovers(system)


@pytest.mark.error_path("database-slow")
@pytest.mark.expiring_health
@pytest.mark.parametrize(
    "fault",
    [Latency("postgres", 2), Latency("postgres", 60), BlackHole("postgres")],
    ids=["2 s", "60 s", "black hole"],
)
@pytest.mark.lasts(20)
def test_a_slow_database_is_bounded_and_leaves_the_pool_whole(system: System, expect: Expect, fault: Fault) -> None:
    """With PostgreSQL 2 s slower, 60 s slower or silent, requests end by the deadline and the pool is whole after."""
    with system.broken(fault):
        exchanges = system.spend_together(system.pool_size + 2)

    expect.that(
        all(exchange.status in (200, 201, 502, 503, 504) for exchange in exchanges),
        "an answer to every request",
        f"statuses {sorted({str(exchange.status) for exchange in exchanges})}",
    )
    for exchange in exchanges:
        expect.took(exchange, 0, system.deadline_s + 1)
    expect.recovers(system)
    expect.eventually("the whole pool at work again", system.whole_pool_works)


@pytest.mark.error_path("database-reset")
@pytest.mark.expiring_health
@pytest.mark.own_postgres  # its API waits in our seconds, so that the write is still under way when it is cut
def test_a_transaction_that_is_cut_leaves_nothing_half_done(system: System, expect: Expect) -> None:
    """A database connection reset between a write's two halves leaves no half-written row, and the pool heals."""
    system.prove_healthy()
    before = system.books()

    with ExitStack() as lock:
        (pending,) = lock.enter_context(system.spendings_under_way(1))
        with system.broken(AnswerReset("postgres"), prove=False):
            lock.close()  # the second half is carried out, and its answer is lost
            exchange = pending.exchange()
    expect.recovers(system)

    after = system.books()
    expect.that((exchange.status or 0) >= 500, "an error", f"status {exchange.status}")
    expect.unchanged("balance − ledger", before.difference, after.difference)
    expect.executed(system.executions(exchange), (0,))
    expect.unchanged("ledger rows − executions", before.unmatched, after.unmatched)
    expect.eventually("the whole pool at work again", system.whole_pool_works)


@pytest.mark.error_path("database-terminated")
@pytest.mark.own_postgres  # its API connects anew within bounds in our seconds: a late connect would fail one more
def test_sessions_that_the_database_ends_cost_one_request_each(system: System, expect: Expect) -> None:
    """Sessions ended in the middle of writes cost one request each, told as the database's; no half write is left."""
    system.spend_together(system.pool_size)
    before, cut = system.books(), system.pool_size - 1  # so that one is idle, or health's

    ended = SessionsEnded(system.ledger)
    with system.spendings_under_way(cut) as under_way, system.broken(ended, prove=False) as fault:
        exchanges = [pending.exchange() for pending in under_way]
    exchanges += system.spend_together(system.pool_size + 2)

    failed = [exchange for exchange in exchanges if exchange.status != 200]
    expect.between("failed requests", cut, fault.hits(), len(failed))
    for exchange in failed:
        expect.status(exchange, 503)
        expect.contains("body", exchange.text, "postgres")
    for exchange in exchanges:
        expect.executed(system.executions(exchange), (1,) if exchange.status == 200 else (0, 1))
    expect.unchanged("books", before, system.books())
    expect.recovers(system)


@pytest.mark.error_path("database-restarted")
@pytest.mark.expiring_health
@pytest.mark.own_postgres
def test_a_restart_of_the_database_costs_what_was_under_way(system: System, expect: Expect) -> None:
    """A restart fails the writes it cuts, told as the database's, and no other; none is half done or lost."""
    cut = system.pool_size - 1  # health has a connection
    system.prove_healthy()
    before = system.books()

    restart = Restarted(system.postgres, system.ledger)
    with system.spendings_under_way(cut) as under_way, system.broken(restart, prove=False):
        exchanges = [pending.exchange() for pending in under_way]

    for exchange in exchanges:  # one may be done before its session is ended, for the lock goes with its holder's
        expect.one_of("status", (200, 503), exchange.status)
        unknown = exchange.status == 503 and exchange.json().get("outcome") == "unknown"
        expect.contains("body", exchange.text, "entryId" if exchange.status == 200 else "postgres")
        expect.executed(system.executions(exchange), (0, 1) if unknown else (int(exchange.status == 200),))
    expect.recovers(system)
    expect.eventually("the whole pool at work again", system.whole_pool_works)
    expect.unchanged("books", before, system.books())


@pytest.mark.error_path("database-full")
@pytest.mark.expiring_health
@pytest.mark.own_postgres
def test_a_database_without_a_session_left_is_unhealthy(system: System, expect: Expect) -> None:
    """While others hold every session of PostgreSQL, health says so, the proxy says unavailable, and both recover."""
    system.prove_healthy()

    with system.broken(Full(system.ledger), prove=False):
        direct = system.until_health(503, word="too many connections")
        system.cold()
        exchange = system.spend(1)

    expect.contains("backend health", direct.text, "postgres")
    expect.error(exchange, "unavailable")
    expect.executed(system.executions(exchange), (0,))
    expect.recovers(system)
    expect.eventually("the whole pool at work again", system.whole_pool_works)


@pytest.mark.error_path("database-read-only")
@pytest.mark.expiring_health
def test_a_database_that_takes_no_writes_is_unhealthy(system: System, expect: Expect) -> None:
    """On a read-only database health says so, without a word of SQL, and the proxy says unavailable."""
    system.prove_healthy()

    with system.broken(ReadOnly(system.ledger), prove=False):
        direct = system.until_health(503, word="read-only")  # on a busy machine it may say "no answer in time" before
        system.cold()
        exchange = system.spend(1)

    expect.contains("backend health", direct.text, "read-only")
    expect.error(exchange, "unavailable")
    for word in ("SELECT", "INSERT", "UPDATE", "default_transaction"):
        expect.that(word not in direct.text + exchange.text, f"no {word}", direct.text + exchange.text)
    expect.executed(system.executions(exchange), (0,))
    expect.recovers(system)


@pytest.mark.error_path("redis-down")
@pytest.mark.expiring_health
@pytest.mark.own_postgres  # its API waits in our seconds: on a busy machine, too, only Redis is missing
def test_the_api_answers_without_its_cache(system: System, expect: Expect) -> None:
    """With Redis refusing, health says degraded, and whoever asks anew after it is served, without the cache."""
    with system.broken(Refused("redis")):
        health = system.until_health(200, status="degraded")
        system.cold()
        exchange = system.get(BALANCE)

    expect.served(exchange)
    expect.took(exchange, 0, system.clock.target(5))
    expect.equal("health", "degraded", health.json()["status"])
    expect.contains("backend health", health.text, "redis")
    expect.recovers(system)
    expect.eventually("the cache in use again", lambda: system.get(BALANCE).headers.get("x-cache") == "hit")


@pytest.mark.error_path("redis-slow")
@pytest.mark.expiring_health
@pytest.mark.own_postgres  # its API waits in our seconds: on a busy machine, too, only Redis is missing
def test_the_api_does_not_wait_for_a_stalled_cache(system: System, expect: Expect) -> None:
    """With Redis stalled, health says degraded, and whoever asks anew after it is served, in time."""
    with system.broken(BlackHole("redis")):
        health = system.until_health(200, status="degraded")
        system.cold()
        exchange = system.get(BALANCE)

    expect.served(exchange)
    expect.took(exchange, 0, system.clock.target(5))
    expect.equal("health", "degraded", health.json()["status"])
    expect.recovers(system)
    expect.eventually("the cache in use again", lambda: system.get(BALANCE).headers.get("x-cache") == "hit")


@pytest.mark.error_path("migrations-missing")
def test_a_fresh_database_says_how_to_mend_it(system: System, expect: Expect) -> None:
    """On a fresh database health says that migrations are missing and by which command they come; it mends it."""
    with system.fresh_backend() as backend:
        before = backend.health()
        mended = backend.run_the_command_in(before)
        after = backend.until_healthy()

    expect.equal("health before", 503, before.status)
    expect.contains("health before", before.text, "migrat")
    expect.equal("exit code of the command", 0, mended)
    expect.equal("health after", 200, after.status)


BAD_SETTINGS = {
    "port": "abc",
    "upstream": "not a url",
    "environment": "staging-ish",
    "request_timeout": "-5",
    "max_retries": "many",
}


def _variable(rig: Rig, setting: str) -> str:
    """The environment variable that is this setting of the target, or has this placeholder."""
    target = rig.target.file
    if setting in target.settings:
        return target.settings[setting].env
    told = next((name for name, value in target.launch.env.items() if setting in placeholders.used([value])), None)
    if told is None:
        raise NotPromised(f"{target.path} has no environment variable of {setting}, so it cannot be set")
    return told


@pytest.mark.error_path("bad-setting")
@pytest.mark.parametrize("setting", BAD_SETTINGS)
def test_a_bad_setting_is_named_and_nothing_starts(rig: Rig, expect: Expect, setting: str) -> None:
    """A setting that cannot be ends the start with exit code 2 and a message that names it."""
    name = _variable(rig, setting)

    ended = rig.start_with({name: BAD_SETTINGS[setting]})

    expect.equal("exit code", rig.process.bad_setting_exit, ended.code)
    expect.contains("message", ended.output, name)
    expect.that("Traceback" not in ended.output, "a message", ended.output[-200:])
